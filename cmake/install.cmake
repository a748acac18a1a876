# `cmake --install` puts down libraries, headers, the CMake package and pkg-config's files. Nothing
# in them names the prefix, so the tree may be moved afterwards.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set(config_dir ${CMAKE_INSTALL_LIBDIR}/cmake/tern)
file(RELATIVE_PATH tern_pc_prefix /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)

# What a program links beside a component, as pkg-config says it. A shared library brings its own.
set(tern_pc_description_core "TCP/IP stack without any I/O, with its event log")
set(tern_pc_description_os "tern on devices of the operating system")
set(tern_pc_description_asio "tern behind Boost.Asio objects")
set(tern_pc_description_sim "networks of tern stacks in virtual time")
set(tern_pc_requires_core "")
set(tern_pc_requires_os "tern-core = ${PROJECT_VERSION}")
set(tern_pc_requires_asio "tern-os = ${PROJECT_VERSION}")
set(tern_pc_requires_sim "tern-core = ${PROJECT_VERSION}")
set(tern_pc_private_os "-lxdp -lbpf -pthread")

foreach(component IN LISTS TERN_COMPONENTS)
  install(TARGETS tern-${component} EXPORT tern-${component}
          ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR}
          LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}
          RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
  install(EXPORT tern-${component} NAMESPACE tern:: DESTINATION ${config_dir}
          FILE tern-${component}.cmake)

  set(tern_pc_name ${component})
  set(tern_pc_description ${tern_pc_description_${component}})
  set(tern_pc_requires ${tern_pc_requires_${component}})
  set(tern_pc_libs "-ltern-${component}")
  set(tern_pc_libs_private "")
  if(BUILD_SHARED_LIBS)
    set(tern_pc_libs_private "${tern_pc_private_${component}}")
  elseif(tern_pc_private_${component})
    string(APPEND tern_pc_libs " ${tern_pc_private_${component}}")
  endif()
  configure_file(${PROJECT_SOURCE_DIR}/cmake/tern.pc.in
                 ${PROJECT_BINARY_DIR}/tern-${component}.pc @ONLY)
  install(FILES ${PROJECT_BINARY_DIR}/tern-${component}.pc
          DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
endforeach()

install(DIRECTORY ${PROJECT_SOURCE_DIR}/include/tern DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}
        FILES_MATCHING PATTERN "*.hh")
install(FILES ${PROJECT_SOURCE_DIR}/LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR})

configure_package_config_file(${PROJECT_SOURCE_DIR}/cmake/ternConfig.cmake.in
                              ${PROJECT_BINARY_DIR}/ternConfig.cmake
                              INSTALL_DESTINATION ${config_dir})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/ternConfigVersion.cmake
                                 COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/ternConfig.cmake ${PROJECT_BINARY_DIR}/ternConfigVersion.cmake
        DESTINATION ${config_dir})

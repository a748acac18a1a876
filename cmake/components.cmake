# What tern is built of. A folder of src/ is compiled into an archive of its own, tern_NAME, that
# links only what docs/architecture.md allows it to; tests and tools link these. What others link
# are the components, tern::core, tern::os, tern::asio and tern::sim: each the objects of some
# archives.

# tern_collect(variable glob...): the files; a pattern that finds nothing is an error.
function(tern_collect variable)
  set(all)
  foreach(pattern IN LISTS ARGN)
    file(GLOB found CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/${pattern})
    if(NOT found)
      message(FATAL_ERROR "${pattern} finds no file: was a folder moved or renamed?")
    endif()
    list(APPEND all ${found})
  endforeach()
  set(${variable} ${all} PARENT_SCOPE)
endfunction()

# tern_precompile(TARGET AS [HEADER...]): the standard library's headers, and those given, read once
# for all targets of the same name AS, whose compile options must agree. None of tern's own headers:
# what a file includes stays what it sees. The presets fuzz and bench do without, so that no include
# is forgotten, and so does who builds tern as a part of something else.
function(tern_precompile target as)
  if(NOT TERN_PCH)
    return()
  endif()
  if(TARGET tern_headers_${as})
    target_precompile_headers(${target} REUSE_FROM tern_headers_${as})
    return()
  endif()
  file(CONFIGURE OUTPUT ${PROJECT_BINARY_DIR}/headers_${as}.cc CONTENT "\n")
  add_library(tern_headers_${as} OBJECT ${PROJECT_BINARY_DIR}/headers_${as}.cc)
  target_precompile_headers(tern_headers_${as} PRIVATE ${ARGN}
    <algorithm> <array> <bit> <chrono> <cstring> <expected> <functional> <map> <memory> <optional>
    <span> <string> <string_view> <tuple> <utility> <vector>)
  get_target_property(options ${target} COMPILE_OPTIONS)
  if(options)
    target_compile_options(tern_headers_${as} PRIVATE ${options})
  endif()
  target_precompile_headers(${target} REUSE_FROM tern_headers_${as})
endfunction()

# tern_archive(tern_NAME [PURE] SOURCES pattern... LIBS library...). PURE: the code of core, without
# exceptions and without run-time type information.
function(tern_archive name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "PURE" "" "SOURCES;LIBS")
  tern_collect(sources ${arg_SOURCES})
  add_library(${name} STATIC ${sources})
  target_include_directories(${name} PUBLIC ${PROJECT_SOURCE_DIR}/include
                             ${PROJECT_SOURCE_DIR}/src)
  target_link_libraries(${name} PUBLIC ${arg_LIBS})
  if(arg_PURE)
    target_compile_options(${name} PRIVATE -fno-exceptions -fno-rtti)
    tern_precompile(${name} pure)
  else()
    tern_precompile(${name} other)
  endif()
endfunction()

# tern_component(core ARCHIVES tern_base... [LIBS library...] [INSIDE tern_packet...])
# LIBS: what a user of it links as well. INSIDE: archives of another component of which a shared
# library takes a copy of what that component does not export.
function(tern_component name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "ARCHIVES;LIBS;INSIDE")
  set(objects)
  foreach(archive IN LISTS arg_ARCHIVES)
    list(APPEND objects $<TARGET_OBJECTS:${archive}>)
  endforeach()
  add_library(tern-${name} ${objects})
  add_library(tern::${name} ALIAS tern-${name})
  target_include_directories(tern-${name} PUBLIC
                             $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include>
                             $<INSTALL_INTERFACE:include>)
  target_compile_features(tern-${name} PUBLIC cxx_std_23)
  target_link_libraries(tern-${name} PUBLIC ${arg_LIBS})
  if(BUILD_SHARED_LIBS)
    foreach(archive IN LISTS arg_INSIDE)
      target_link_libraries(tern-${name} PRIVATE $<BUILD_INTERFACE:${archive}>)
    endforeach()
    target_link_options(tern-${name} PRIVATE -Wl,--exclude-libs,ALL -Wl,--no-undefined)
  endif()
  # While the major version is 0, each minor version has an ABI of its own.
  set_target_properties(tern-${name} PROPERTIES
                        EXPORT_NAME ${name}
                        VERSION ${PROJECT_VERSION}
                        SOVERSION ${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR}
                        INSTALL_RPATH "$ORIGIN"  # they lie beside each other
                        LINKER_LANGUAGE CXX)
  if(PROJECT_IS_TOP_LEVEL AND NOT TERN_INSTALL)
    set_target_properties(tern-${name} PROPERTIES EXCLUDE_FROM_ALL ON)
  endif()
endfunction()

# tern_has(component variable): whether it is asked for.
function(tern_has component variable)
  if(component IN_LIST TERN_COMPONENTS)
    set(${variable} ON PARENT_SCOPE)
  else()
    set(${variable} OFF PARENT_SCOPE)
  endif()
endfunction()

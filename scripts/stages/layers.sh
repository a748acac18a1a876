# The release archive is what users link, and carries no symbols of a sanitizer.
stage_layers() {
    tap layers python3 scripts/check_layers.py includes
    tap layers python3 scripts/field_writers.py --check
    if need_preset release; then
        tap layers python3 scripts/check_layers.py symbols --build build/release
    else
        failed "layers: symbols of core" "the release preset does not build"
    fi
}

# ./dev wheel.
# shellcheck shell=bash

readonly distribution=dist
readonly bundle=build/native/prefix

install_wheel_tools() {
    say "installing what builds and checks wheels"
    "$bin/python" -m pip install -q --disable-pip-version-check -r packaging/requirements.txt
}

# Builds the source distribution, and from it the wheel, so that a wheel proves it complete.
build_distributions() {
    local raw=build/raw-wheel source=build/from-sdist
    rm -rf "$distribution" "$raw" "$source" build/release-wheel
    mkdir -p "$source"
    "$bin/python" -m build --sdist --no-isolation --outdir "$distribution" . >build/sdist.log 2>&1 ||
        die "the source distribution was not built; see build/sdist.log"
    say "building the wheel from the source distribution"
    tar -xmf "$distribution"/*.tar.gz -C "$source" --strip-components 1
    "$bin/python" -m pip wheel -v --disable-pip-version-check --no-build-isolation --no-deps --wheel-dir "$raw" \
        -C cmake.define.INCM_BUNDLE="$PWD/$bundle" -C build-dir="$PWD/build/release-wheel" \
        "$source" 2>&1 | show_progress build/wheel.log ||
        die "the wheel was not built; the whole output is in build/wheel.log"
    PATH=$PWD/$bin:$PATH "$bin/auditwheel" repair --wheel-dir "$distribution" "$raw"/*.whl >build/auditwheel.log 2>&1 ||
        die "auditwheel found libraries that other systems do not have; see build/auditwheel.log"
}

check_distributions() {
    "$bin/twine" check --strict "$distribution"/*
    # The project has no public address yet, and none of a person belongs into a package.
    "$bin/pyroma" --min 10 --skip-tests AuthorEmail "$distribution"/*.tar.gz
    "$bin/check-wheel-contents" "$distribution"/*.whl
    "$bin/python" packaging/check_wheel.py "$distribution"/*.whl
}

# Builds a wheel with all native libraries inside for the Python of .venv, checks it, and tries it.
wheel() {
    (($# == 0)) || wrong_usage
    need_packages "${build_packages[@]}" xz-utils bzip2
    setup_tools
    once_for wheel.stamp "$(hash_of packaging/requirements.txt)" install_wheel_tools
    mkdir -p build
    say "building the libraries, which takes minutes the first time; the output goes to build/libraries.log"
    "$bin/python" packaging/libraries.py "$bundle" build/native/work >build/libraries.log 2>&1 || {
        tail -n 20 build/libraries.log >&2
        die "the libraries were not built; the whole output is in build/libraries.log"
    }
    build_distributions
    check_distributions
    packaging/try_wheel "$distribution"/*.whl "$("$bin/python" -c 'import sys; print(sys._base_executable)')"
    say "wheel: no findings; $(du -h "$distribution"/*.whl | xargs)"
}

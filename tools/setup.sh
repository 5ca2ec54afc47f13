# Prepares what every command of ./dev needs: packages, the virtual environment, the wheel, C++ builds.
# shellcheck shell=bash

readonly build_packages=(g++ cmake ninja-build libpoco-dev libssl-dev libsqlite3-dev libsimdjson-dev)
readonly cpp_test_packages=(libgtest-dev libbenchmark-dev)
readonly test_packages=("${cpp_test_packages[@]}" strace faketime openssl slowhttptest nginx-light
    haproxy caddy valgrind)
# The real targets of the bundled plugins; a test skips if its server is not installed.
readonly plugin_test_packages=(mosquitto prometheus-alertmanager rsyslog rsyslog-openssl mariadb-server
    postgresql)
readonly observability_packages=(prometheus)  # and promtool
readonly fuzz_packages=(clang llvm)
readonly lint_packages=(clang-format clang-tidy)
readonly bench_packages=(wrk nginx-light openssl)
readonly venv=.venv
readonly bin=$venv/bin

say() { printf './dev: %s\n' "$*" >&2; }

die() {
    say "$*"
    exit 1
}

# Installs those of the named Debian packages that are missing. In run level 1 a package does not
# start its service.
need_packages() {
    local missing=() name
    for name in "$@"; do
        dpkg-query -W -f='${db:Status-Abbrev}' "$name" 2>/dev/null | grep -q '^ii' || missing+=("$name")
    done
    ((${#missing[@]})) || return 0
    say "installing ${missing[*]}"
    local root=()
    if ((EUID != 0)); then
        command -v sudo >/dev/null || die "run as root or install sudo; these packages are missing: ${missing[*]}"
        root=(sudo)
    fi
    "${root[@]}" apt-get update -qq
    "${root[@]}" env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get install -y -qq --no-install-recommends \
        "${missing[@]}" >/dev/null
}

# Finds a Python of 3.11 or newer that can make virtual environments and build modules.
find_python() {
    local name
    for name in python3 python3.14 python3.13 python3.12 python3.11; do
        if command -v "$name" >/dev/null && "$name" - <<'CODE' 2>/dev/null; then
import ensurepip, pathlib, sys, sysconfig, venv
sys.exit(sys.version_info < (3, 11) or not pathlib.Path(sysconfig.get_path("include"), "Python.h").exists())
CODE
            command -v "$name"
            return
        fi
    done
    return 1
}

need_python() {
    [[ -x $bin/python ]] && return
    local python
    if ! python=$(find_python); then
        need_packages python3 python3-venv python3-dev
        python=$(find_python) || die "needs Python 3.11 or newer with venv and headers"
    fi
    say "making $venv"
    "$python" -m venv "$venv"
}

# Runs the remaining arguments as a command, unless the stamp already contains this key.
once_for() {
    local stamp=$venv/$1 key=$2
    shift 2
    [[ -f $stamp && $(<"$stamp") == "$key" ]] && return
    "$@"
    printf '%s' "$key" >"$stamp"
}

hash_of() { find "$@" -type f -not -name '*.pyc' -print0 | sort -z | xargs -0 sha256sum | sha256sum; }

# Prints the requirements in pyproject.toml for building, running and testing, one on each line.
requirements() {
    "$bin/python" - <<'CODE'
import tomllib

with open("pyproject.toml", "rb") as file:
    settings = tomllib.load(file)
project = settings["project"]
wanted = settings["build-system"]["requires"] + project["dependencies"]
print(*wanted, *project["optional-dependencies"]["dev"], sep="\n")
CODE
}

install_requirements() {
    say "installing Python packages"
    "$bin/python" -m pip install -q --disable-pip-version-check -r "$venv/requirements.txt"
}

# Makes the virtual environment with all tools to build, check and test, without the package itself.
setup_tools() {
    need_python
    requirements >"$venv/requirements.txt"
    once_for tools.stamp "$(hash_of "$venv/requirements.txt")" install_requirements
}

# Shows the progress of a compilation from Ninja's output, and writes all output to the file $1.
# On a terminal it updates one line; elsewhere it prints a line for each tenth.
show_progress() {
    local line count total tenth=0
    : >"$1"
    while IFS= read -r line; do
        printf '%s\n' "$line" >>"$1"
        [[ $line =~ ^[[:space:]]*\[([0-9]+)/([0-9]+)\] ]] || continue
        count=${BASH_REMATCH[1]} total=${BASH_REMATCH[2]}
        if [[ -t 2 ]]; then
            printf '\r./dev: compiling, %d of %d ' "$count" "$total" >&2
            ((count < total)) || printf '\n' >&2
        elif ((count * 10 / total > tenth)); then
            tenth=$((count * 10 / total))
            say "compiling, $count of $total"
        fi
    done
}

install_package() {
    say "building and installing the wheel"
    mkdir -p build
    "$bin/python" -m pip install -v --disable-pip-version-check --no-build-isolation --no-deps \
        --force-reinstall . 2>&1 | show_progress build/wheel.log || {
        grep -nE 'error|FAILED' build/wheel.log | head -n 20 >&2 || true
        die "the wheel was not built; the whole output is in build/wheel.log"
    }
    project_key >"$venv/project.stamp"
}

# A hash of the files that determine the metadata of an installed wheel.
project_key() { hash_of pyproject.toml CMakeLists.txt; }

setup() {
    need_packages "${build_packages[@]}"
    setup_tools
    once_for package.stamp \
        "$(hash_of pyproject.toml CMakeLists.txt README.md LICENSE cpp python plugins)" install_package
}

# Configures a preset of cpp/CMakePresets.json once.
configure_preset() { [[ -f build/$1/build.ninja ]] || (cd cpp && cmake --preset "$1" >/dev/null); }

# Configures a preset once, then builds it, or only its target $2.
build_preset() {
    configure_preset "$1"
    (cd cpp && cmake --build --preset "$1" ${2:+--target "$2"})
}

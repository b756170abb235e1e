# What the other scripts share; sourced, never run.
# shellcheck shell=bash

set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

# PYTHON=/path/to/python3 chooses the Python that is embedded. The distribution's own is the default, because a
# python3 that stands earlier on PATH often comes without a static library.
python=${PYTHON:-/usr/bin/python3}

program_packages=(g++ cmake ninja-build libboost-dev nlohmann-json3-dev python3-dev libpython3-dev libcli11-dev)
build_packages=("${program_packages[@]}" libgtest-dev ccache)
test_packages=(python3-numpy python3-pandas python3-matplotlib python3-jedi python3-ipython python3-tqdm python3-rich python3-venv virtualenv pypy3)
client_packages=(python3-pytest python3-pytest-asyncio python3-pytest-timeout python3-prompt-toolkit python3-pygments python3-jsonschema python3-hypothesis python3-distributed python3-pytest-xdist python3-zmq python3-jupyter-client openssh-server openssh-client lua5.4 emacs-nox)
check_packages=(git clang clang-format clang-tidy libclang-rt-14-dev mmdebstrap dpkg-dev)

versions=(3.10 3.11 3.12 3.13 3.14)

# Of pyenv, the newest of that version; empty when there is none.
pyenv_python() {
  local found
  found=$(printf '%s\n' ~/.pyenv/versions/"$1".*/bin/python3 | sort -V | tail -n 1)
  [[ -x $found ]] && echo "$found"
}

# The CPythons from 3.10 on that this machine has: the system's, then pyenv's.
pythons() {
  local version
  echo "$python"
  for version in "${versions[@]}"; do pyenv_python "$version" || true; done
}

missing_pythons() {
  local version
  for version in "${versions[@]}"; do
    pyenv_python "$version" >/dev/null || say "missing: CPython $version (looked for in ~/.pyenv/versions)"
  done
}

say() { printf '%s\n' "$*" >&2; }

# What finds each package where there is no dpkg: a command, a header, or a Python module.
probe() {
  case $1 in
    g++) command -v c++ ;;
    ninja-build) command -v ninja ;;
    libboost-dev) has_header boost/asio.hpp ;;
    nlohmann-json3-dev) has_header nlohmann/json.hpp ;;
    libgtest-dev) has_header gtest/gtest.h ;;
    libcli11-dev) has_header CLI/CLI.hpp ;;
    python3-dev | libpython3-dev) [[ -f $("$python" -c 'import sysconfig; print(sysconfig.get_path("include"))')/Python.h ]] ;;
    python3-venv) "$python" -c "import ensurepip" ;;
    python3-ipython) has_module IPython ;;
    python3-prompt-toolkit) has_module prompt_toolkit ;;
    python3-zmq) has_module zmq ;;
    openssh-server) command -v sshd || [[ -x /usr/sbin/sshd ]] ;;
    openssh-client) command -v ssh ;;
    python3-*) has_module "${1#python3-}" ;;
    ccache | pypy3 | virtualenv | libclang-rt-*) ;; # nice to have
    *) command -v "$1" ;;
  esac >/dev/null 2>&1
}

has_module() { "$python" -c "import importlib.util, sys; sys.exit(not importlib.util.find_spec('${1//-/_}'))"; }

has_header() { printf '#include <%s>\n' "$1" | c++ -std=c++20 -x c++ -E - -o /dev/null; }

missing_packages() {
  local package installed
  if command -v dpkg-query >/dev/null; then
    # shellcheck disable=SC2016  # dpkg-query's own format, not the shell's
    installed=$(dpkg-query -W -f '${db:Status-Status} ${Package}\n' "$@" 2>/dev/null || true)
    for package; do grep -qxF "installed $package" <<<"$installed" || printf '%s\n' "$package"; done
  else
    for package; do probe "$package" || printf '%s\n' "$package"; done
  fi
}

# Installs what is missing of the packages named. Reads nothing: standard input belongs to the program that follows.
need() {
  local missing as_root=()
  mapfile -t missing < <(missing_packages "$@")
  ((${#missing[@]})) || return 0
  command -v apt-get >/dev/null || give_up "${missing[@]}"
  if ((EUID != 0)); then
    command -v sudo >/dev/null || give_up "${missing[@]}"
    as_root=(sudo)
  fi
  say "installing: ${missing[*]}"
  local apt=("${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq)
  quietly "${apt[@]}" update || say "apt-get update failed; trying with the lists at hand"
  quietly "${apt[@]}" install --yes --no-install-recommends "${missing[@]}" || give_up "${missing[@]}"
}

# Debian's name, then Fedora's, Arch's and Alpine's, where they differ by more than the rule below.
elsewhere="
g++ gcc-c++ gcc g++
ninja-build ninja-build ninja samurai
libboost-dev boost-devel boost boost-dev
nlohmann-json3-dev json-devel nlohmann-json nlohmann-json
python3-dev python3-devel python python3-dev
libpython3-dev python3-devel python python3-dev
libgtest-dev gtest-devel gtest gtest-dev
libcli11-dev cli11-devel cli11 cli11
python3-venv python3 python python3
openssh-client openssh-clients openssh openssh-client
clang-format clang-tools-extra clang clang-extra-tools
clang-tidy clang-tools-extra clang clang-extra-tools
libclang-rt-14-dev compiler-rt compiler-rt compiler-rt
virtualenv python3-virtualenv python-virtualenv py3-virtualenv
"

# in_names_of COLUMN PACKAGE...: those of Fedora (2), Arch (3) or Alpine (4).
in_names_of() {
  local prefixes=(python3- python3- python- py3-) column=$1 package name
  shift
  for package; do
    name=$(awk -v "package=$package" -v "column=$column" '$1 == package {print $column}' <<<"$elsewhere")
    echo "${name:-${package/#python3-/${prefixes[$column - 1]}}}"
  done | sort -u | paste -sd ' '
}

give_up() {
  say "missing packages: $*"
  say "Debian, Ubuntu:  apt-get install $*"
  say "Fedora:          dnf install $(in_names_of 2 "$@")"
  say "Arch:            pacman -S $(in_names_of 3 "$@")"
  say "Alpine:          apk add $(in_names_of 4 "$@")"
  exit 1
}

# Runs a command without input; shows what it said, on standard error, only when it fails, and its last line every half
# minute.
quietly() {
  local log status=0 progress
  log=$(mktemp)
  while sleep 30 >/dev/null 2>&1 && kill -0 $$ 2>/dev/null; do say "   … $(tail -n 1 "$log" | cut -c 1-150)"; done &
  progress=$!
  "$@" </dev/null >"$log" 2>&1 || status=$?
  kill "$progress" && wait "$progress" 2>/dev/null || true
  ((status == 0)) || cat "$log" >&2
  rm -f "$log"
  return "$status"
}

# REPLWIRE_WERROR=ON, as .ci/run and scripts/check have it, makes a warning an error in this build folder from then on. Not
# with the sanitizers, for which GCC warns of variables that it takes for uninitialized.
configure() {
  local options=("-DPython3_EXECUTABLE=$python")
  [[ $1 != release || -z ${REPLWIRE_WERROR:-} ]] || options+=("-DCMAKE_COMPILE_WARNING_AS_ERROR=$REPLWIRE_WERROR")
  (cd "$root" && quietly cmake --preset "$1" "${options[@]}")
}

# build PRESET TARGET...: configures and builds; says nothing when all is well and quick.
build() {
  local preset=$1
  shift
  configure "$preset"
  (cd "$root" && quietly cmake --build --preset "$preset" --parallel "$(nproc)" --target "$@")
}

# Files of the working tree that match, those that git does not know yet included.
sources() { git ls-files --cached --others --exclude-standard --deduplicate -- "$@" | while read -r file; do [[ ! -e $file ]] || printf '%s\n' "$file"; done; }

# A virtual environment with what tests/server/tools_test.cc and comm_test.cc and the client's test_debugger.py work with, and
# $REPLWIRE_TOOLS, which names its Python. Where it cannot be made those tests are skipped, in words. Likewise $REPLWIRE_PURE, a folder with libraries for any Python, for by_value_test.cc.
tools_of_tests() {
  pure_tools_of_tests
  local folder=$root/build/tools-venv wanted=(numba line_profiler coverage pysnooper rich loguru comm ipywidgets debugpy)
  if [[ $(cat "$folder/wanted" 2>/dev/null) != "${wanted[*]}" ]]; then
    if ! { "$python" -m venv --clear "$folder" && quietly "$folder/bin/pip" install --quiet --disable-pip-version-check "${wanted[@]}"; }; then
      say "missing: ${wanted[*]} (from PyPI); the tests that use them are skipped"
      return
    fi
    echo "${wanted[*]}" >"$folder/wanted"
  fi
  export REPLWIRE_TOOLS=$folder/bin/python3
}

pure_tools_of_tests() {
  local folder=$root/build/pure-venv wanted=(cloudpickle joblib)
  if [[ $(cat "$folder/wanted" 2>/dev/null) != "${wanted[*]}" ]]; then
    if ! { "$python" -m venv --clear "$folder" && quietly "$folder/bin/pip" install --quiet --disable-pip-version-check "${wanted[@]}"; }; then
      say "missing: ${wanted[*]} (from PyPI); the tests that use them are skipped"
      return
    fi
    echo "${wanted[*]}" >"$folder/wanted"
  fi
  REPLWIRE_PURE=$(echo "$folder"/lib/python3*/site-packages)
  export REPLWIRE_PURE
}

# Prints the folder of mypy, basedpyright and ruff, installing them first. Debian has no ruff, and a mypy that is too old;
# basedpyright is pyright with all that it needs in one package.
python_tools() {
  local tools=$root/build/check-venv wanted=("mypy==2.4.1" "basedpyright==1.40.2" "ruff==0.17.6")
  wanted+=(pytest==9.2.0 prompt_toolkit==3.0.53 types-Pygments==2.21.0.20260819 mcp==2.3.0 pillow==13.0.0 pyzmq==27.3.0 jupyter_client==8.10.0) # what the client may be used with
  if [[ $(cat "$tools/wanted" 2>/dev/null) != "${wanted[*]}" ]]; then
    /usr/bin/python3 -m venv --clear "$tools"
    quietly "$tools/bin/pip" install --quiet --disable-pip-version-check "${wanted[@]}"
    echo "${wanted[*]}" >"$tools/wanted"
  fi
  echo "$tools/bin"
}

# Prints the folder of a virtual environment with the SDK of the Model Context Protocol, and what the tests of replwire-mcp
# need beside. Fails, in words, where it cannot be made.
agent_tools() {
  local folder=$root/build/agents wanted=(mcp==2.3.0 pillow jsonschema pytest pytest-asyncio pytest-timeout)
  if [[ $(cat "$folder/wanted" 2>/dev/null) != "${wanted[*]}" ]]; then
    if ! { "$python" -m venv --clear "$folder" && quietly "$folder/bin/pip" install --quiet --disable-pip-version-check "${wanted[@]}"; }; then
      say "not tested: replwire-mcp, since the SDK of the Model Context Protocol cannot be installed here"
      return 1
    fi
    echo "${wanted[*]}" >"$folder/wanted"
  fi
  echo "$folder"
}

ruff_folders=(clients/python cmake scripts) # each by the configuration above it

# What takes too long for every run notes when it last passed: passed NAME, last_passed NAME.
passed_folder=${XDG_CACHE_HOME:-~/.cache}/replwire/passed
passed() {
  mkdir -p "$passed_folder"
  printf '%s, %s\n' "$(date +'%F %R')" "$(git -C "$root" describe --always --dirty)" >"$passed_folder/${1// /_}"
}
last_passed() { cat "$passed_folder/${1// /_}" 2>/dev/null || echo never; }

# test_client [OPTION...]: the Python client's tests, against what was built. They are for the distribution's Python
# whichever one the server embeds.
test_client() {
  need "${client_packages[@]}"
  (cd "$root/clients/python" && REPLWIRE=${REPLWIRE:-$root/build/replwire} /usr/bin/python3 -m pytest -q "$@")
}

# Roots: other releases of Debian or Ubuntu, each in a folder of its own that mmdebstrap makes once from the mirror that apt has
# here. Nothing here removes across a mount.

# in_namespace SCRIPT ARGUMENT...: starts the script again where what it mounts goes away with it, however it ends.
in_namespace() {
  [[ -n ${REPLWIRE_NAMESPACE:-} ]] || exec env REPLWIRE_NAMESPACE=1 unshare --mount --propagation private "$@"
}

roots=${XDG_CACHE_HOME:-~/.cache}/replwire/roots

# URL and components of this release.
mirror() {
  if [[ -n ${REPLWIRE_MIRROR:-} ]]; then echo "$REPLWIRE_MIRROR"; return; fi
  # shellcheck disable=SC2016  # apt-get's own format, not the shell's
  apt-get indextargets 'Created-By: Packages' "Release: $(. /etc/os-release && echo "$VERSION_CODENAME")" \
    --format '$(SITE) $(COMPONENT)' | awk '{site = $1; components = components " " $2} END {print site components}'
}

in_root() { local system=$1; shift; env -i "PATH=/usr/bin:/bin:/usr/sbin:/sbin" HOME=/root LANG=C.UTF-8 DEBIAN_FRONTEND=noninteractive chroot "$system" "$@"; }

# A minimal system. make_root SUITE SYSTEM OPTION...: the options are mmdebstrap's.
make_root() {
  local suite=$1 system=$2 site components
  read -r site components < <(mirror)
  say "making a root of $suite from $site, this once"
  rm -rf --one-file-system "$system.new"
  mkdir -p "$roots"
  # A mirror that is some weeks behind is good enough.
  quietly mmdebstrap --mode=root --aptopt='Acquire::Check-Valid-Until "false"' \
    ${REPLWIRE_KEYRING:+"--keyring=$REPLWIRE_KEYRING"} "${@:3}" \
    "$suite" "$system.new" "deb $site $suite $components" || return
  mv "$system.new" "$system"
}

# Of the packages named those that this suite has.
install_in() {
  local system=$1 known
  shift
  [[ -n $(find "$system/var/lib/apt/lists" -name '*Packages*') ]] || quietly in_root "$system" apt-get update || return
  known=$(in_root "$system" apt-cache pkgnames | grep -xF "$(printf '%s\n' "$@")" | sort)
  comm -23 <(printf '%s\n' "$@" | sort) <(echo "$known") | while read -r package; do say "   not in this suite: $package"; done
  # shellcheck disable=SC2086  # one word for each
  quietly in_root "$system" apt-get -o Dpkg::Options::=--force-unsafe-io install --yes --no-install-recommends $known
}

# Prints the folder with the Python of this release for another processor, and its headers; nothing in it has been set up.
foreign_files() {
  local processor=$1 system=$roots/$1
  [[ -d $system ]] || make_root "$(. /etc/os-release && echo "$VERSION_CODENAME")" "$system" --variant=extract \
    --architectures="${processor/aarch64/arm64}" --include=python3-venv,libpython3-dev,libstdc++6 || return
  echo "$system"
}

# Makes the root of a suite if there is none, and gives it the kernel's file systems.
open_root() {
  local suite=$1 system=$roots/$1
  [[ -d $system ]] || make_root "$suite" "$system" --variant=apt --include=ca-certificates || return
  mount --rbind /proc "$system/proc" && mount --rbind /dev "$system/dev" && mount -t tmpfs none "$system/dev/shm"
}

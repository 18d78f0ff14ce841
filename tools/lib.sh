# tools/lib.sh - shared by the scripts here: packages, MuJoCo, build folders. Source it.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
jobs=${JOBS:-$(nproc)}
apt_packages=(gcc g++ make cmake ninja-build pkg-config git python3 python3-pip python3-venv
  libzmq3-dev libmsgpack-dev libcjson-dev libopenblas-dev libpcre2-dev
  libutf8proc-dev libcmocka-dev libpng-dev libturbojpeg0-dev libzstd-dev libglfw3-dev libgl1)

say() { printf '\n== %s\n' "$*"; }

as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"
  elif command -v sudo >/dev/null; then sudo "$@"
  else echo "tools: need root or sudo to install packages: $*" >&2; exit 1; fi
}

# installs what is missing of the named packages; quick when nothing is
need_packages() {
  local missing=() p
  for p in "$@"; do
    dpkg-query -W -f='${Status}' "$p" 2>/dev/null | grep -q 'ok installed' || missing+=("$p")
  done
  [ ${#missing[@]} = 0 ] && return
  say "installing ${missing[*]}"
  as_root apt-get update -qq
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
}

# configures and builds one folder: build_in NAME [cmake arguments...]
build_in() {
  local dir=build/$1
  shift
  # always: a library installed since the last time is found only by configuring again
  cmake -S . -B "$dir" -G Ninja "$@" >/dev/null
  if ! cmake --build "$dir" -j "$jobs" >"$dir/build.log" 2>&1; then
    grep -E -A4 'error|undefined|FAILED' "$dir/build.log" | head -n 60 >&2
    echo "tools: build in $dir failed (see $dir/build.log)" >&2
    exit 1
  fi
  tail -n 1 "$dir/build.log"
}

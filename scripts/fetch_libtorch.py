#!/usr/bin/env python3
"""Puts the C++ part of LibTorch into the per-user cache and prints its folder.

LibTorch comes from the torch wheel on PyPI. Of its 5 GB with dependencies the C++ side needs only
the headers, libtorch_cpu, libc10 and two CUDA libraries that libtorch_cpu is linked to (they are
loaded, never called, on a machine without a GPU). The result is

    $FF_CACHE/libtorch-<version>/torch/{include,lib}
    $FF_CACHE/libtorch-<version>/nvidia/.../lib
    $FF_CACHE/libtorch-<version>/licenses

FF_CACHE         cache folder, default ~/.cache/fastforward
FF_TORCH_VERSION a version such as 2.7.1; without it the default, which is the newest version at
                 the time of the first fetch and is recorded in $FF_CACHE/libtorch-default
"""

import errno
import fcntl
import glob
import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

OLDEST = (2, 7)
NEEDED_BYTES = 3 * 2**30  # The wheel (0.5 to 0.9 GB) and what is unpacked from it, with room.
HOME_REMEDY = "or set LIBTORCH_ROOT to the folder of a LibTorch that you have (with include/, lib/)"

# Libraries of the wheel that need CUDA or Python, and libtorch.so, which needs libtorch_cuda.so.
UNWANTED_LIBRARY = re.compile(
    r"cuda|nvrtc|nvshmem|cusparse|_python|libshm|global_deps|libtorch\.so|libbackend"
)
CUDA_LIBRARY = re.compile(r"nvidia/.*/lib/(libcudart|libcupti)\.so\.[0-9.]+$")


class FetchError(Exception):
    """An error that the user can do something about; its text says what."""


def cache_folder():
    return Path(os.environ.get("FF_CACHE") or "~/.cache/fastforward").expanduser().absolute()


def installed(cache, version):
    """The torch folder of a version in the cache, or None."""
    torch = cache / f"libtorch-{version}" / "torch"
    return torch if (torch / "lib" / "libtorch_cpu.so").exists() else None


def recorded_default(cache):
    try:
        return (cache / "libtorch-default").read_text().strip()
    except FileNotFoundError:
        return ""


def say(text):
    print(text, file=sys.stderr, flush=True)


def pip_download(requirement, folder):
    """Downloads one wheel without its dependencies and returns its path."""
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:"]
    command += ["--no-cache-dir", "--disable-pip-version-check", "--retries=3", "--quiet"]
    # pip's own temporary files belong beside ours: /tmp can be small.
    environment = dict(os.environ, TMPDIR=str(folder))
    before = set(folder.glob("*.whl"))
    result = subprocess.run(
        command + ["--dest", str(folder), requirement],
        env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True,
    )
    if result.returncode != 0:
        raise FetchError(pip_failure(requirement, result.stdout + result.stderr))
    return (set(folder.glob("*.whl")) - before).pop()


def pip_failure(requirement, output):
    if "No module named pip" in output:
        return "pip is missing: apt-get install python3-pip, " + HOME_REMEDY
    if "No space left" in output:
        return f"disk full while downloading {requirement}: free 3 GB or set FF_CACHE to another disk"
    last = "\n  ".join(line for line in output.strip().splitlines()[-4:])
    if "NewConnectionError" in output or "ConnectTimeout" in output or "NameResolution" in output:
        return (f"no network: pip cannot reach its package index for {requirement}. Check the "
                f"connection and proxy, {HOME_REMEDY}. pip said:\n  {last}")
    return (f"pip cannot download {requirement} for Python {sys.version.split()[0]}. "
            f"Choose another FF_TORCH_VERSION, {HOME_REMEDY}. pip said:\n  {last}")


def metadata(wheel):
    with zipfile.ZipFile(wheel) as archive:
        name = next(n for n in archive.namelist() if n.endswith(".dist-info/METADATA"))
        return archive.read(name).decode()


def cuda_requirements(wheel, folder):
    """The exact requirements for the CUDA runtime and CUPTI, as the torch wheel pins them.

    LibTorch up to 2.8 or so pins nvidia-cuda-runtime-cu12 itself; later it pins the empty package
    cuda-toolkit, which pins the rest. A CPU-only wheel has none.
    """
    text = metadata(wheel)
    toolkit = re.search(r"^Requires-Dist: cuda-toolkit\S*?==([0-9.]+)", text, re.M)
    if toolkit:
        text = metadata(pip_download("cuda-toolkit==" + toolkit.group(1), folder))
    pins = re.findall(
        r"^Requires-Dist: (nvidia-cuda-(?:runtime|cupti)[a-z0-9-]*) ?\(?(==[0-9.]+(?:\.\*)?)", text, re.M
    )
    return sorted({name + version for name, version in pins})


def wanted(name):
    """Whether a member of a wheel is needed by C++ programs."""
    if name.startswith("torch/include/"):
        return True
    if name.startswith("torch/lib/"):
        return ".so" in name and not UNWANTED_LIBRARY.search(name)
    return bool(CUDA_LIBRARY.match(name))


def is_license(name):
    return bool(re.match(r"[^/]+\.dist-info/(licenses/|LICENSE|License|NOTICE)", name))


def unpack(wheel, folder):
    with zipfile.ZipFile(wheel) as archive:
        for name in archive.namelist():
            if name.endswith("/"):
                continue
            if wanted(name):
                archive.extract(name, folder)
            elif is_license(name):
                archive.extract(name, folder / "licenses")


def check_libraries(folder):
    """Fails when a library that libtorch_cpu.so needs was not unpacked."""
    library = folder / "torch" / "lib" / "libtorch_cpu.so"
    if shutil.which("ldd") is None:
        return
    output = subprocess.run(["ldd", str(library)], capture_output=True, text=True).stdout
    missing = [line.split()[0] for line in output.splitlines() if "not found" in line]
    if missing:
        raise FetchError(f"libtorch_cpu.so needs {', '.join(missing)}, which neither this machine "
                         f"nor the wheels have. Choose another FF_TORCH_VERSION, {HOME_REMEDY}")


def check_disk(cache):
    free = shutil.disk_usage(cache).free
    if free < NEEDED_BYTES:
        raise FetchError(f"disk full: {cache} has {free / 2**30:.1f} GB free, fetching LibTorch needs "
                         "3. Free some, or set FF_CACHE to a folder on another disk")


def fetch(cache, version):
    """Downloads and unpacks one version (the newest for ""), and returns the version."""
    check_disk(cache)
    for leftover in glob.glob(str(cache / "tmp-*")):  # Of a fetch that was killed.
        shutil.rmtree(leftover, ignore_errors=True)
    work = Path(tempfile.mkdtemp(prefix="tmp-", dir=cache))
    try:
        requirement = "torch" + (f"=={version}" if version else "")
        say(f"Fetching LibTorch ({requirement} from PyPI, 0.5 to 0.9 GB) into {cache} ...")
        torch = pip_download(requirement, work)
        version = re.match(r"torch-([^-]+)-", torch.name).group(1)
        if tuple(int(part) for part in version.split(".")[:2]) < OLDEST:
            raise FetchError(f"LibTorch {version} is too old: at least 2.7 is needed. pip chose it for "
                             f"Python {sys.version.split()[0]}; use a newer Python, {HOME_REMEDY}")
        if installed(cache, version):
            return version
        wheels = [torch] + [pip_download(pin, work) for pin in cuda_requirements(torch, work)]
        say(f"Unpacking LibTorch {version} ...")
        unpacked = work / "unpacked"
        for wheel in wheels:
            unpack(wheel, unpacked)
            wheel.unlink()
        check_libraries(unpacked)
        target = cache / f"libtorch-{version}"
        if target.exists():  # Incomplete: installed() said no.
            shutil.rmtree(target)
        unpacked.rename(target)
        return version
    finally:
        shutil.rmtree(work, ignore_errors=True)


def record_default(cache, version):
    temporary = cache / "libtorch-default.new"
    temporary.write_text(version + "\n")
    temporary.replace(cache / "libtorch-default")


def main():
    cache = cache_folder()
    asked = os.environ.get("FF_TORCH_VERSION", "")
    if not re.fullmatch(r"([0-9]+(\.[0-9]+)*[A-Za-z0-9.+]*)?", asked):
        raise FetchError(f"FF_TORCH_VERSION is '{asked}': give a version such as 2.7.1")
    cache.mkdir(parents=True, exist_ok=True)
    with open(cache / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # Two clones may start at the same time.
        version = asked or recorded_default(cache)
        if not version or not installed(cache, version):
            version = fetch(cache, version)
        if not asked and recorded_default(cache) != version:
            record_default(cache, version)
    print(installed(cache, version))


if __name__ == "__main__":
    try:
        main()
    except FetchError as error:
        sys.exit(f"fetch_libtorch.py: {error}.")
    except OSError as error:
        if error.errno == errno.ENOSPC:
            sys.exit("fetch_libtorch.py: disk full: free 3 GB, or set FF_CACHE to another disk.")
        sys.exit(f"fetch_libtorch.py: {error}.")

"""Archives as `codeConfiguration` wants them: dependencies and entry file at the root of a zip."""

import hashlib
import io
import os
import pathlib
import shutil
import subprocess
import sys
import zipfile

import places


def archive(files, executable=()):
    """A zip of {path: bytes or text}, the same bytes for the same content."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as file:
        for path in sorted(files):
            entry = zipfile.ZipInfo(path, (2026, 1, 1, 0, 0, 0))
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = (0o100755 if path in executable else 0o100644) << 16
            data = files[path]
            file.writestr(entry, data.encode() if isinstance(data, str) else data)
    return buffer.getvalue()


def agent(name):
    """The archive of one of Tests/support/agents."""
    return archive({"main.py": (places.AGENTS / f"{name}.py").read_bytes()})


def example(name):
    """The archive of one of examples/, its requirements installed for this interpreter once and kept."""
    source = places.EXAMPLES / name
    requirements = source / "requirements.txt"
    files = {
        str(path.relative_to(source)): path.read_bytes()
        for path in source.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts and path.name != "requirements.txt"
    }
    if requirements.exists():
        installed = install(requirements)
        for path in installed.rglob("*"):
            if path.is_file() and "__pycache__" not in path.parts:
                files.setdefault(str(path.relative_to(installed)), path.read_bytes())
    return archive(files)


def install(requirements):
    """Installs a requirements file into a directory of the cache and returns the directory."""
    return _by_pip(requirements, "packages", ["install", "--no-compile", "--target"])


def wheels(requirements):
    """What pip needs to install a requirements file without a network: a directory of wheels."""
    return _by_pip(requirements, "wheels", ["wheel", "--wheel-dir"])


def _by_pip(requirements, kind, command):
    """Lets pip fill a directory of the cache, once and atomically."""
    mark = hashlib.sha256(requirements.read_bytes() + sys.version.encode()).hexdigest()[:16]
    target = places.CACHE / f"{kind}-{mark}"
    if target.is_dir():
        return target
    unfinished = places.CACHE / f"{kind}-{mark}.{os.getpid()}"
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True)
    subprocess.run(
        [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", *command, str(unfinished),
         "--requirement", str(requirements)], check=True)
    unfinished.rename(target)
    return target


def fast_agent():
    """The C agent behind a main.py that becomes it: Python is gone once it runs."""
    program = fast_program()
    main = (
        "import os\n"
        "program = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'fast')\n"
        "os.execv(program, [program, os.environ.get('PORT', '8080')])\n"
    )
    return archive({"main.py": main, "fast": program.read_bytes()}, executable=["fast"])


def fast_program():
    """Compiles agents/fast.c, statically where the host can."""
    source = places.AGENTS / "fast.c"
    program = places.CACHE / f"fast-{hashlib.sha256(source.read_bytes()).hexdigest()[:16]}"
    if program.exists():
        return program
    compiler = next((found for name in ("cc", "clang", "gcc") if (found := shutil.which(name))), None)
    if not compiler:
        # The Swift toolchain always brings a clang beside swift.
        compiler = str(pathlib.Path(os.path.realpath(shutil.which("swift"))).parent / "clang")
    program.parent.mkdir(parents=True, exist_ok=True)
    for static in (["-static"], []):
        unfinished = f"{program}.{os.getpid()}"
        done = subprocess.run(
            [compiler, "-O2", *static, "-o", unfinished, str(source)], capture_output=True, text=True, check=False)
        if done.returncode == 0:
            os.rename(unfinished, program)
            return program
    raise RuntimeError(f"{compiler} can't build {source}: {done.stderr}")

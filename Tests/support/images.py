"""Images where no registry can be reached: made of this machine's own Debian packages."""

import io
import os
import pathlib
import re
import subprocess
import tarfile

STATUS = pathlib.Path("/var/lib/dpkg/status")
#: What every Debian image has, and dpkg itself says so by no dependency.
ESSENTIAL = ["base-files", "bash", "coreutils", "dash", "dpkg", "findutils", "grep", "gzip", "libc-bin", "login", "passwd", "sed",
             "tar", "util-linux", "mount"]
#: Made by packages' scripts, so that no list of files has them.
FILES = ["/etc/passwd", "/etc/group", "/etc/shadow", "/etc/gshadow", "/etc/nsswitch.conf", "/etc/ld.so.cache", "/etc/shells",
         "/etc/ssl/certs/ca-certificates.crt", "/etc/localtime", "/usr/share/zoneinfo/UTC", "/usr/share/zoneinfo/Etc/UTC"]
#: Nobody reads them in an image.
LEFT_OUT = ("/usr/share/doc/", "/usr/share/man/", "/usr/share/locale/", "/usr/share/info/", "/usr/share/lintian/",
            "/usr/share/i18n/", "/usr/share/perl/", "/usr/lib/x86_64-linux-gnu/perl/", "/usr/share/mime/", "/usr/share/zoneinfo/")

LINKS = ("bin", "sbin", "lib", "lib64")
#: Mode of what the host uses for itself.
FOLDERS = {"tmp": 0o1777, "proc": 0o555, "sys": 0o555, "dev": 0o755, "root": 0o700, "run": 0o755, "var/tmp": 0o1777,
           "var/lib/dpkg/info": 0o755}


class Packages:
    """dpkg's own records of this machine."""

    def __init__(self):
        self.stanzas, self.providers = {}, {}
        for text in STATUS.read_text(encoding="utf-8", errors="replace").split("\n\n"):
            fields = dict(re.findall(r"^([A-Za-z-]+): (.*)$", text, re.MULTILINE))
            if fields.get("Status") != "install ok installed":
                continue
            name = fields["Package"]
            self.stanzas[name] = text, fields
            for provided in re.findall(r"([a-z0-9][a-z0-9+.-]+)", re.sub(r"\([^)]*\)", "", fields.get("Provides", ""))):
                self.providers.setdefault(provided, name)

    def closure(self, names):
        """The packages and all that they depend on."""
        missing = [name for name in names if name not in self.stanzas]
        if missing:
            raise RuntimeError(f"not installed here: {' '.join(missing)}")
        found, pending = set(), list(names)
        while pending:
            name = pending.pop()
            if name in found:
                continue
            found.add(name)
            fields = self.stanzas[name][1]
            for field in ("Depends", "Pre-Depends"):
                for alternatives in filter(None, fields.get(field, "").split(",")):
                    choices = [re.match(r"\s*([a-z0-9+.-]+)", choice).group(1) for choice in alternatives.split("|")]
                    chosen = next((c for c in choices if c in self.stanzas), None) or next(
                        (self.providers[c] for c in choices if c in self.providers), None)
                    if chosen:
                        pending.append(chosen)
        return sorted(found)

    def files(self, name):
        done = subprocess.run(["dpkg-query", "--listfiles", name], capture_output=True, text=True, check=True)
        return [line for line in done.stdout.splitlines() if line.startswith("/")]


def debian(stream, names, extra=()):
    """Writes a tar with the root of a Debian that has these packages. `extra` are further host paths."""
    packages = Packages()
    closure = packages.closure([*ESSENTIAL, *names])
    paths = set(FILES) | set(extra)
    for name in closure:
        paths.update(path for path in packages.files(name) if not path.startswith(LEFT_OUT))
    real = set()
    for path in paths:
        path = _placed(path)
        real.add(path)
        # Alternatives are links to links.
        while os.path.islink(path):
            path = _placed(os.path.join(os.path.dirname(path), os.readlink(path)))
            real.add(path)
    for path in list(real):
        while path := os.path.dirname(path).rstrip("/"):
            real.add(path)
    with tarfile.open(fileobj=stream, mode="w|") as tar:
        for name in LINKS:
            link = tarfile.TarInfo(name)
            link.type, link.linkname = tarfile.SYMTYPE, f"usr/{name}"
            tar.addfile(link)
        for name, mode in FOLDERS.items():
            folder = tarfile.TarInfo(name)
            folder.type, folder.mode = tarfile.DIRTYPE, mode
            tar.addfile(folder)
        for path in sorted(real):
            name = path.lstrip("/")
            if name not in LINKS and name not in FOLDERS and os.path.lexists(path):
                tar.add(path, arcname=name, recursive=False)
        # So that dpkg knows what the image has.
        status = ("\n\n".join(packages.stanzas[name][0] for name in closure) + "\n").encode()
        entry = tarfile.TarInfo("var/lib/dpkg/status")
        entry.size, entry.mode = len(status), 0o644
        tar.addfile(entry, io.BytesIO(status))


def _placed(path):
    """Where a path really stands: packages list files below /bin, which is a link to /usr/bin."""
    return os.path.join(os.path.realpath(os.path.dirname(path)), os.path.basename(path))


def program(stream, path):
    """Writes a tar of `out/` with a program and the libraries that no Debian package brings: the toolchain's."""
    listed = subprocess.run(["ldd", path], capture_output=True, text=True, check=True).stdout
    libraries = [target for target in re.findall(r"=> (/\S+)", listed) if not target.startswith(("/lib/", "/usr/lib/", "/lib64/"))]
    with tarfile.open(fileobj=stream, mode="w|") as tar:
        # The program looks for libraries where it really stands ($ORIGIN).
        for source in [path, *libraries]:
            tar.add(os.path.realpath(source), arcname=f"out/usr/local/lib/signalbox/{os.path.basename(source)}")
        link = tarfile.TarInfo("out/usr/local/bin/signalbox")
        link.type, link.linkname = tarfile.SYMTYPE, "../lib/signalbox/signalbox"
        tar.addfile(link)

"""A small repository in a temporary folder, and a script of ours run on it."""
import pathlib
import subprocess
import sys
import tempfile
import unittest

k_scripts = pathlib.Path(__file__).resolve().parent.parent


class Repository(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory(prefix="tern-selftest-")
        self.root = pathlib.Path(self.folder.name).resolve()
        self.addCleanup(self.folder.cleanup)
        subprocess.run(["git", "init", "-q", str(self.root)], check=True)

    def write(self, name, text, executable=False):
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        if executable:
            path.chmod(0o755)
        return path

    def run_script(self, name, *arguments):
        """(exit code, output) of scripts/NAME."""
        done = subprocess.run([sys.executable, "-B", str(k_scripts / name), *map(str, arguments)],
                              capture_output=True, text=True, cwd=self.root)
        self.assertEqual(done.stderr, "", "a script does not write to stderr")
        return done.returncode, done.stdout

    def assert_rule(self, output, rule, good):
        """The result line of a rule is there, and says what it should."""
        lines = [line for line in output.splitlines() if rule in line
                 and line.startswith(("ok ", "not ok "))]
        self.assertEqual(len(lines), 1, f"one line of '{rule}' in:\n{output}")
        self.assertEqual(lines[0].startswith("ok "), good, output)

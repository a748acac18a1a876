#!/usr/bin/env python3
"""Runs every test_*.py beside it and prints one result line for each test."""
import pathlib
import sys
import unittest

k_here = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(k_here), str(k_here.parent)]
sys.dont_write_bytecode = True


class Lines(unittest.TestResult):
    def name(self, test):
        return test.id() if hasattr(test, "id") else str(test)

    def addSuccess(self, test):
        print(f"ok {self.name(test)}")

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        print(f"skip {self.name(test)} - {reason}")

    def addFailure(self, test, err):
        super().addFailure(test, err)
        self.tell(test, err)

    def addError(self, test, err):
        super().addError(test, err)
        self.tell(test, err)

    def addSubTest(self, test, subtest, err):
        super().addSubTest(test, subtest, err)
        if err is not None:
            self.tell(test, err)

    def tell(self, test, err):
        print("\n".join("    " + line for line in self._exc_info_to_string(err, test).splitlines()))
        print(f"not ok {self.name(test)} - {' '.join(str(err[1]).split())[:160]}")


def main():
    suite = unittest.defaultTestLoader.discover(str(k_here), pattern="test_*.py")
    result = Lines()
    suite.run(result)
    return 0 if result.testsRun > 0 and result.wasSuccessful() else 1


if __name__ == "__main__":
    sys.exit(main())

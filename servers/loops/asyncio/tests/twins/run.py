"""Runs one of the programs beside this file on CPython's asyncio, in virtual time, and prints its trace."""

import asyncio
import concurrent.futures
import importlib.util
import pathlib
import sys


class VirtualTime(asyncio.SelectorEventLoop):
    """The real loop, but for its clock: a wait for a timer moves it, instead of taking time. Turns are counted."""

    def __init__(self):
        super().__init__()
        self.now = 0
        self.turns = 0
        select = self._selector.select

        def select_at_once(timeout):
            events = select(timeout if timeout is None else 0)
            if timeout and not events:
                self.now += timeout
            return events

        self._selector.select = select_at_once
        self.set_default_executor(concurrent.futures.ThreadPoolExecutor(1))

    def time(self):
        return self.now

    def _run_once(self):
        self.turns += 1
        super()._run_once()


class Trace:
    def __init__(self, loop):
        self.loop = loop

    def at_turn(self, text):
        print(f"turn {self.loop.turns}, {self.loop.now} s: {text}")

    def in_order(self, text):
        print(text)


if sys.version_info < (3, 11):
    sys.exit(f"asyncio of Python 3.11 or later is meant; this is {sys.version}")
path = pathlib.Path(__file__).with_name(sys.argv[1] + ".py")
spec = importlib.util.spec_from_file_location(path.stem, path)
program = importlib.util.module_from_spec(spec)
spec.loader.exec_module(program)
loop = VirtualTime()
loop.run_until_complete(program.main(Trace(loop)))
loop.close()

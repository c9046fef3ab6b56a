from __future__ import annotations

from drsn.agent.tools.doctor.finding import Finding, exit_code_of, misconfigured, of_error, ok, unavailable, unneeded
from drsn.model.errors import BundleError, UnavailableError


def test_an_error_is_cut_where_its_remedy_begins():
    found = of_error(UnavailableError("Python has no tensorrt; use the system's;  never pip install it"))
    assert found == Finding("problem", "Python has no tensorrt", "use the system's; never pip install it", 69)


def test_an_error_without_a_remedy_gets_one():
    assert of_error(BundleError("no such file"), "make one") == Finding("problem", "no such file", "make one", 78)


def test_the_exit_code_is_that_of_what_waiting_will_not_cure():
    fine = [ok("a"), unneeded("b")]
    assert exit_code_of([]) == exit_code_of(fine) == 0
    assert exit_code_of([*fine, unavailable("c", "d")]) == 69
    assert exit_code_of([misconfigured("e", "f"), *fine, unavailable("c", "d")]) == 78

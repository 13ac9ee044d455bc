"""The reference page of flow features."""

from __future__ import annotations

from itertools import groupby

from reference_markdown import head, table

_TITLES = {
    "identity": "Which flow",
    "gaps": "Time between packets",
    "volume": "Packets and bytes",
    "sizes": "Sizes of packets",
    "activity": "Activity and silence",
    "rates": "Rates and ratios",
    "tcp": "TCP",
    "network": "Network",
    "content": "Content",
    "bulk": "Bulks",
    "first packets": "The first packets",
}


def flow_features_page() -> str:
    """Every feature of a flow, as declared."""
    from habitus.flows.features.declared import features
    from habitus.flows.flowtable import SOURCE
    from habitus.flows.formats.base import LABEL, LINE

    parts = [
        head(
            "Features of flows",
            "the features' declarations",
            f"`habitus flows features` prints the same. Before them stand `{SOURCE}`, which file a "
            f"flow is of, and of flows\nthat another program wrote `{LINE}` and `{LABEL}`: where "
            "it stands there, and what it is called. What a flow is, and what\nforward, idle and "
            "active mean: [Understanding flows](../explanation/flows.md).\n\n"
            "*From the initiator* begins with `forward_`, *to the initiator* with `backward_`, "
            "*both ways* with neither.\nNothing is ever infinite or NaN: what is undefined is "
            "null, by the rule in the last column. Standard\ndeviations are those of a sample. The "
            "names of other tools: `habitus flows extract --columns`.",
        )
    ]
    for group, members in groupby(features(), key=lambda feature: feature.group):
        rows = [
            (f"`{one.name}`", one.unit, one.meaning, one.formula, one.null or "never")
            for one in members
        ]
        parts.append(f"\n## {_TITLES[group]}\n\n")
        parts.append(table(("feature", "unit", "meaning", "formula", "null where"), rows))
    return "".join(parts)

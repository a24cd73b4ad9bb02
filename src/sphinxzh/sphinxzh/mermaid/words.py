"""A diagram told in words, for those who cannot see it and where only text is shown.

The rule: the words are what Mermaid's parser understood (describe.js), in the order of the source; in Chinese
on a Chinese site, in English on any other.
"""

from dataclasses import dataclass
from typing import Any

# Each phrase in Chinese and in English.
KINDS = {
    "sequence": ("时序图", "Sequence diagram"),
    "stateDiagram": ("状态图", "State diagram"),
    "flowchart": ("流程图", "Flowchart"),
    "class": ("类图", "Class diagram"),
    "er": ("实体关系图", "Entity relationship diagram"),
    "requirement": ("需求图", "Requirement diagram"),
    "mindmap": ("思维导图", "Mind map"),
    "gantt": ("甘特图", "Gantt chart"),
    "pie": ("饼图", "Pie chart"),
    "gitGraph": ("提交图", "Commit graph"),
    "timeline": ("时间线", "Timeline"),
    "journey": ("旅程图", "Journey"),
    "quadrantChart": ("象限图", "Quadrant chart"),
    "xychart": ("统计图", "Chart"),
    "packet": ("报文格式图", "Packet layout"),
    "kanban": ("看板", "Board"),
    "architecture": ("架构图", "Architecture diagram"),
    "block": ("框图", "Block diagram"),
}
PHRASES = {
    "diagram": ("图", "Diagram"),
    "message": ("{0}向{1}：{2}", "{0} to {1}: {2}"),
    "alone": ("{0}自己：{2}", "{0} to itself: {2}"),
    "note": ("注（{0}）：{1}", "note on {0}: {1}"),
    "edge": ("{0}到{1}", "{0} to {1}"),
    "named edge": ("{0}到{1}（{2}）", "{0} to {1} ({2})"),
    "group": ("{0}之内：{1}", "inside {0}: {1}"),
    "labels": ("图中文字：{0}", "labels: {0}"),
    "start": ("起点", "start"),
    "end": ("终点", "end"),
    "LOOP": ("循环", "loop"),
    "ALT": ("分支", "alternative"),
    "OPT": ("可选", "optional"),
    "PAR": ("并行", "in parallel"),
    "CRITICAL": ("必须", "critical"),
    "BREAK": ("中断", "break"),
    "ALT_ELSE": ("否则", "otherwise"),
    "PAR_AND": ("同时", "and"),
    "CRITICAL_OPTION": ("若是", "option"),
    "over": ("{0}结束", "{0} ends"),
    "begins": ("{0}（{1}）", "{0} ({1})"),
    "list": ("、", ", "),
    "then": ("；", "; "),
    "full stop": ("。", "."),
    "colon": ("：", ": "),
}
# What these say beyond their relations stands in their boxes.
BOXES_OF_TEXT = ("class", "er", "requirement")


@dataclass(frozen=True)
class Words:
    """The text alternative: a name, a description, which may be empty, and both in one."""

    name: str
    description: str
    whole: str


def words(told: dict[str, Any], labels: list[str], chinese: bool, alt: str = "") -> Words:
    """The alternative of a diagram; one that the author wrote goes first."""
    return _Teller(0 if chinese else 1).words(told, labels, alt)


class _Teller:
    def __init__(self, language: int) -> None:
        self.language = language

    def say(self, phrase: str, *values: str) -> str:
        return PHRASES[phrase][self.language].format(*values)

    def words(self, told: dict[str, Any], labels: list[str], alt: str) -> Words:
        kind = next(
            (names[self.language] for name, names in KINDS.items() if told["type"].startswith(name)),
            self.say("diagram"),
        )
        name = f"{kind}{self.say('colon')}{told['title']}" if told["title"] else kind
        if told["named"]:
            name = told["title"]
        description = told["description"] or ("" if alt else self.description(told, labels))
        name = alt or name
        return Words(name, description, self.say("colon").join(filter(None, (name, description))))

    def description(self, told: dict[str, Any], labels: list[str]) -> str:
        parts = [*self.exchange(told["messages"]), *self.graph(told["nodes"], told["edges"])]
        if labels and (not parts or told["type"] in BOXES_OF_TEXT):
            parts.append(self.say("labels", self.say("list").join(labels)))
        return self.say("then").join(parts) + self.say("full stop") if parts else ""

    def exchange(self, messages: list[dict[str, str]]) -> list[str]:
        """A sequence diagram."""
        parts = []
        for message in messages:
            kind, sender, receiver, text = (message[key] for key in ("kind", "from", "to", "text"))
            block, _, end = kind.rpartition("_")
            if kind == "NOTE":
                whom = self.say("list").join(dict.fromkeys((sender, receiver)))
                parts.append(self.say("note", whom, text))
            elif kind in PHRASES or (end == "START" and block in PHRASES):
                begun = self.say(kind if kind in PHRASES else block)
                parts.append(self.say("begins", begun, text) if text else begun)
            elif end == "END" and block in PHRASES:
                parts.append(self.say("over", self.say(block)))
            elif sender and receiver:
                parts.append(self.say("alone" if sender == receiver else "message", sender, receiver, text))
        return parts

    def graph(self, nodes: list[dict[str, Any]], edges: list[dict[str, str]]) -> list[str]:
        """Whatever is nodes and edges."""
        names = {node["id"]: self.node(node) for node in nodes}
        notes = {node["id"] for node in nodes if node.get("shape") == "note"}
        parts, mentioned = [], set(notes)
        for edge in edges:
            start, end = edge["from"], edge["to"]
            mentioned |= {start, end}
            if noted := notes & {start, end}:
                note = noted.pop()
                parts.append(self.say("note", names.get(end if start == note else start, ""), names[note]))
            else:
                phrase = "named edge" if edge["text"] else "edge"
                parts.append(self.say(phrase, names.get(start, start), names.get(end, end), edge["text"]))
        for group in (node for node in nodes if node["group"] and node.get("shape") != "noteGroup"):
            inside = [node["id"] for node in nodes if node.get("parent") == group["id"]]
            mentioned |= {group["id"], *inside}
            if inside:
                listed = self.say("list").join(names[node] for node in inside)
                parts.append(self.say("group", names[group["id"]], listed))
        if edges or any(node["group"] for node in nodes):
            parts += [
                names[node["id"]] for node in nodes if node["id"] not in mentioned and not node["group"]
            ]
        return parts

    def node(self, node: dict[str, Any]) -> str:
        if node.get("shape") in ("stateStart", "stateEnd"):
            return self.say("start" if node["shape"] == "stateStart" else "end")
        return str(node["label"])

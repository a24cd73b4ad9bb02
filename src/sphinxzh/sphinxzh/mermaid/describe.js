// What Mermaid's parser understood of a diagram, as plain data.  Runs in the engine after the diagram is drawn;
// the answer is JSON, handed over as a drawing would be.
async (source) => {
  const { type, db } = await mermaid.mermaidAPI.getDiagramFromText(source);
  const text = (value) => (Array.isArray(value) ? value.join(" ") : String(value ?? ""))
    .replace(/<br\s*\/?>/gi, " ").replace(/#(\d+);/g, (_, code) => String.fromCodePoint(Number(code))).trim();
  const told = {
    type,
    title: text(db.getAccTitle?.()) || text(db.getDiagramTitle?.()),
    description: text(db.getAccDescription?.()),
    named: text(db.getAccTitle?.()) !== "",
    messages: [],
    nodes: [],
    edges: [],
  };
  if (type === "sequence") {
    const kinds = Object.fromEntries(Object.entries(db.LINETYPE).map(([name, code]) => [code, name]));
    const actors = db.getActors();
    const name = (id) => text(actors.get(id)?.description ?? id);
    told.nodes = [...actors.keys()].map((id) => ({ id, label: name(id), group: false }));
    told.messages = db.getMessages().map(({ from, to, message, type: code }) => ({
      kind: kinds[code] ?? "", from: name(from), to: name(to), text: text(message?.text ?? message),
    }));
  } else if (db.getData) {
    const { nodes, edges } = db.getData();
    told.nodes = nodes.map(({ id, label, parentId, isGroup, shape }) => (
      { id, label: text(label ?? id), parent: parentId ?? null, group: Boolean(isGroup), shape: shape ?? "" }));
    told.edges = edges.map(({ start, end, label }) => ({ from: start, to: end, text: text(label) }));
  }
  globalThis.__renderResult = JSON.stringify(told);
}

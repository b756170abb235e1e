// The output view: replaces the lines that it is told of, and tells which link was followed.
"use strict";
const vscode = acquireVsCodeApi();
const view = document.getElementById("view");
const blocks = new Map();

function elementOf(id) {
  if (!blocks.has(id)) {
    blocks.set(id, view.appendChild(document.createElement("div")));
    blocks.get(id).className = "block";
  }
  return blocks.get(id);
}

function change({ block, from, lines }) {
  const element = elementOf(block);
  while (element.childElementCount > from) element.lastElementChild.remove();
  const added = lines.map((html) => {
    const line = document.createElement("div");
    line.innerHTML = html || "\u200b"; // an empty line has a height
    return line;
  });
  element.append(...added);
}

window.addEventListener("message", ({ data: { anew, changes, first } }) => {
  const root = document.documentElement;
  const follows = root.scrollTop + root.clientHeight >= root.scrollHeight - 30;
  if (anew) {
    blocks.clear();
    view.replaceChildren();
  }
  changes.forEach(change);
  for (const [id, element] of blocks) {
    if (id >= first) break;
    element.remove();
    blocks.delete(id);
  }
  if (follows) root.scrollTop = root.scrollHeight;
  vscode.postMessage({ drawn: true });
});

document.addEventListener("click", (event) => {
  const link = event.target.closest("a[data-file]");
  if (link) vscode.postMessage({ file: link.dataset.file, line: Number(link.dataset.line) });
});

vscode.postMessage({ ready: true });

/** A tooltip as elements: text stays text, whatever a name holds. */
export function tip(title: string, pairs: [string, string][]): HTMLElement {
  const box = document.createElement("div");
  box.append(line("strong", title));
  for (const [name, value] of pairs) {
    const row = document.createElement("div");
    row.append(line("span", `${name}: `), line("b", value));
    box.append(row);
  }
  return box;
}

function line(tag: string, text: string): HTMLElement {
  const element = document.createElement(tag);
  element.textContent = text;
  return element;
}

// Shapes of the pictures, as text of Graphviz. Every shape has a fixed position: x to the right, y
// upwards, in points.

const ink = '#1f2933';
export const muted = '#5f6c7b';
export const requestColor = '#2f6fb5';
export const replyColor = '#2e8b57';
export const bellColor = '#c98a1b';

/** Fill and border. */
export const blue = { fill: '#eaf2fb', border: '#8fb8e3' };
export const green = { fill: '#e6f5ec', border: '#86c79c' };
export const orange = { fill: '#fff4e0', border: '#e8bd6d' };
export const violet = { fill: '#f5f1fb', border: '#bda6dd' };
export const grey = { fill: '#eef1f4', border: '#c9d1d9' };
export const white = { fill: '#ffffff', border: '#c9d1d9' };

const none = { fill: 'none', border: 'none' };

export const bold = (text, size = 14, color = ink) =>
  `<FONT POINT-SIZE="${size}" COLOR="${color}"><B>${text}</B></FONT>`;
export const small = (text, size = 11.5, color = muted) =>
  `<FONT POINT-SIZE="${size}" COLOR="${color}">${text}</FONT>`;

/** Returns a label of several lines. */
export const lines = (...texts) => `<${texts.join('<BR/>')}>`;

/** Returns a box, or with `color: none` only its text. `style` has further attributes. */
export function box(name, x, y, width, height, label, color = none, style = '') {
  const size = `width=${(width / 72).toFixed(3)}, height=${(height / 72).toFixed(3)}`;
  const paint = `fillcolor="${color.fill}", color="${color.border}"`;
  return `${name} [pos="${x},${y}!", ${size}, ${paint}, label=${label}${style}]`;
}

/** Returns a cell of a table; `detail` is a second line. */
export function cell(title, detail, color, { span = 1, width, height = 46, style = '' }) {
  const paint = `BGCOLOR="${color.fill}" COLOR="${color.border}" BORDER="1"${style}`;
  const text = detail === '' ? title : `${title}<BR/>${detail}`;
  return `<TD COLSPAN="${span}" WIDTH="${width}" HEIGHT="${height}" ${paint}>${text}</TD>`;
}

export const plainCell = (text, span = 1) =>
  `<TD COLSPAN="${span}" BORDER="0" ALIGN="LEFT">${text}</TD>`;

/** Returns a table; `rows` are lists of cells. */
export function table(name, x, y, spacing, rows) {
  const layout = `BORDER="0" CELLBORDER="0" CELLSPACING="${spacing}" CELLPADDING="5"`;
  const body = rows.map((cells) => `<TR>${cells.join('\n  ')}</TR>`).join('\n  ');
  const attributes = 'shape=plain, fillcolor=none, color=none';
  return `${name} [pos="${x},${y}!", ${attributes}, label=<<TABLE ${layout}>\n  ${body}</TABLE>>]`;
}

let points = 0;

/** Returns an arrow along a path of points. */
export function arrow(color, ...path) {
  const names = path.map(() => `point${points++}`);
  const nodes = path.map(
    ([x, y], index) =>
      `${names[index]} [pos="${x},${y}!", shape=none, label="", width=0, height=0]`,
  );
  const edges = names.slice(1).map((name, index) => {
    const head = index === names.length - 2 ? 'normal' : 'none';
    return `${names[index]} -> ${name} [color="${color}", arrowhead=${head}]`;
  });
  return [...nodes, ...edges].join('\n');
}

/** Returns text at a position. */
export const text = (x, y, ...texts) =>
  box(`text${points++}`, x, y, 10, 10, lines(...texts), none, ', shape=plain');

/** Returns a picture of the shapes; later ones are above earlier ones. */
export function picture(shapes) {
  return `digraph {
graph [inputscale=72, bgcolor="white", pad=0.25, splines=line, outputorder=nodesfirst]
node [shape=box, style="rounded,filled", fontname="Arial", penwidth=1]
edge [penwidth=1.8, arrowsize=0.8]
${shapes.join('\n')}
}`;
}

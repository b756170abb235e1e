import type { Forms } from "./frames";
import { classesOf, type Line } from "./text";

export function escape(text: string): string {
  return text.replace(/[&<>"]/g, (c) => `&#${c.charCodeAt(0)};`);
}

// A line of a traceback, or a header of an execution: where it leads.
const kPlace = /(?<=File ")([^"]+)", line (\d+)|(?<=^\[[^\]]*\] )(.+?):(\d+)(?:-\d+)?/;

function styled(text: string, styles: string): string {
  let html = "";
  for (let from = 0, to; from < text.length; from = to) {
    const style = styles.charAt(from);
    for (to = from + 1; to < text.length && styles.charAt(to) === style; ) to++;
    const classes = classesOf(style);
    const piece = escape(text.slice(from, to));
    html += classes ? `<span class="${classes}">${piece}</span>` : piece;
  }
  return html;
}

/** A line of output; the place that it names is a link. */
export function lineHtml({ text, styles }: Line): string {
  const place = kPlace.exec(text);
  if (!place) return styled(text, styles);
  const end = place.index + place[0].length;
  const [filename, line] = [place[1] ?? place[3] ?? "", place[2] ?? place[4]];
  return (
    styled(text.slice(0, place.index), styles) +
    `<a href="#" data-file="${escape(filename)}" data-line="${line}">${styled(text.slice(place.index, end), styles.slice(place.index))}</a>` +
    styled(text.slice(end), styles.slice(end))
  );
}

/** Lines that all look the same. */
export function plainHtml(text: string, kind: string): string[] {
  return text.split("\n").map((line) => `<span class="${kind}">${lineHtml({ text: line, styles: "\0".repeat(line.length) })}</span>`);
}

const kPictures = ["image/png", "image/jpeg", "image/gif", "image/svg+xml"];

/** What is shown of a value's forms: a picture, else HTML (whose scripts do not run), else text. */
export function formsHtml(forms: Forms): string[] {
  for (const type of kPictures) {
    const form = forms[type];
    if (typeof form !== "string") continue;
    const data = type === "image/svg+xml" ? Buffer.from(form).toString("base64") : form.replace(/\s/g, "");
    return [`<img src="data:${type};base64,${escape(data)}">`];
  }
  const html = forms["text/html"];
  if (typeof html === "string") return [`<div class="html">${html}</div>`];
  const text = forms["text/plain"] ?? forms["text/markdown"] ?? forms["text/latex"];
  return plainHtml(typeof text === "string" ? text : JSON.stringify(forms), "value");
}

const NAMED = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&apos;" };
const NUMBERED = { ...NAMED, '"': "&#34;", "'": "&#39;" };

/** A secret as it may stand in a foreign text: plain, escaped for XML and HTML, percent-encoded, as in a form. */
export function formsOf(secret: string): readonly string[] {
  const percent = encodeURIComponent(secret);
  const strict = percent.replaceAll(
    /[!'()*]/g,
    (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`,
  );
  const form = new URLSearchParams([["", secret]]).toString().slice(1);
  const encoded = [percent, strict, form];
  return [
    secret,
    escape(secret, /[&<]/g, NAMED),
    escape(secret, /[&<>]/g, NAMED),
    escape(secret, /[&<>"]/g, NAMED),
    escape(secret, /[&<>"']/g, NAMED),
    escape(secret, /[&<>"']/g, NUMBERED),
    escape(secret, /[&<>"']/g, { ...NAMED, "'": "&#39;" }),
    ...encoded,
    ...encoded.map((text) => text.replaceAll(/%[0-9A-F]{2}/g, (code) => code.toLowerCase())),
  ];
}

function escape(text: string, signs: RegExp, by: Readonly<Record<string, string>>): string {
  return text.replaceAll(signs, (sign) => by[sign] ?? sign);
}

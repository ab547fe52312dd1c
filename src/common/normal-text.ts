/**
 * The form in which text that a person gives is stored and compared: without space around it, in Unicode normal form C.
 * Keyboards and files differ in the form: `é` may be one code point or two.
 */
export function normalText(text: string): string {
  return text.trim().normalize('NFC');
}

/** As `normalText`, without case: the column holds lower case only. */
export function normalEmail(email: string): string {
  // In this order: the normal form of lower case is lower case. The check of addresses throws at half a surrogate pair.
  return normalText(email.toLowerCase().toWellFormed());
}

// Default_Ignorable_Code_Point holds zero-width characters, direction marks, variation selectors and blank fillers. Unicode
// counts the empty Braille pattern and the annotation marks as visible; they are not.
const VISIBLE = /[^\p{White_Space}\p{Default_Ignorable_Code_Point}\u2800\ufff9-\ufffb]/u;

export function isVisible(text: string): boolean {
  return VISIBLE.test(text);
}

/**
 * The form in which a password is hashed: the mappings of OpaqueString (RFC 8265, section 4.2.2). Any space becomes the
 * ASCII one, then normal form C; nothing is trimmed, and case stays. Of what the RFC forbids, only control characters are
 * refused (`IsPassword`): it would also refuse most emoji.
 */
export function opaqueString(password: string): string {
  return password.replace(/\p{Zs}/gu, ' ').normalize('NFC');
}

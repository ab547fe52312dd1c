/** The first bytes of a picture of each type, and some more; the PNG is one that a browser can draw. */
export const PICTURES = {
  'image/png': Buffer.from(
    'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg==',
    'base64',
  ),
  'image/jpeg': Buffer.from('\xff\xd8\xff\xe0\x00\x10JFIF\x00 and so on', 'latin1'),
  'image/gif': Buffer.from('GIF89a and so on', 'latin1'),
  'image/webp': Buffer.from('RIFF\x10\x00\x00\x00WEBPVP8 and so on', 'latin1'),
} as const;

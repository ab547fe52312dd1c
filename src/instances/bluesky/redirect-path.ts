/** Where servers of the AT Protocol send the browser back: one path for all, since the client document lists it. */
export const BLUESKY_CALLBACK_KEY = 'bluesky';
export const BLUESKY_CALLBACK = `/v1/connect/callback/${BLUESKY_CALLBACK_KEY}`;

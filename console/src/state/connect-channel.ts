const NAME = 'platform-manager:connect';

/** Notifies the signed-in tab from the tab that the instance redirected back. The message contains no secret. */
export function announceConnected(): void {
  const channel = new BroadcastChannel(NAME);
  channel.postMessage('connected');
  channel.close();
}

export function onConnected(listener: () => void): () => void {
  const channel = new BroadcastChannel(NAME);
  channel.onmessage = listener;
  return () => channel.close();
}

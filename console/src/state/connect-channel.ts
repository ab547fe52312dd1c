const NAME = 'platform-manager:connect';

/** From the tab in which an instance sent somebody back, to the one that they are logged in. No secret passes. */
export function tellConnected(): void {
  const channel = new BroadcastChannel(NAME);
  channel.postMessage('connected');
  channel.close();
}

export function onConnected(listener: () => void): () => void {
  const channel = new BroadcastChannel(NAME);
  channel.onmessage = listener;
  return () => channel.close();
}

import { type Message, dismiss, messages } from '../state/messages.js';

/** Two live regions: urgent messages interrupt the screen reader, the others wait for a pause. */
export function Messages() {
  const urgent = messages.value.filter((message) => message.urgent);
  const calm = messages.value.filter((message) => !message.urgent);
  return (
    <div class="messages">
      <div role="alert">{urgent.map(toItem)}</div>
      <div role="status">{calm.map(toItem)}</div>
    </div>
  );
}

function toItem({ id, text, urgent }: Message) {
  return (
    <div key={id} class={`message ${urgent ? 'bad' : 'neutral'}`}>
      <span>{text}</span>
      <button type="button" class="quiet" aria-label={`Dismiss: ${text}`} onClick={() => dismiss(id)}>
        ×
      </button>
    </div>
  );
}

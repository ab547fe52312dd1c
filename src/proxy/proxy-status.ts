/** Error types of RFC 9209, section 2.3, as far as they occur here. */
export type ProxyError =
  | 'connection_limit_reached'
  | 'connection_terminated'
  | 'destination_ip_prohibited'
  | 'destination_unavailable'
  | 'http_protocol_error'
  | 'http_request_denied'
  | 'http_request_error'
  | 'http_response_body_size'
  | 'http_response_content_coding'
  | 'http_response_incomplete'
  | 'http_response_timeout'
  | 'http_response_transfer_coding'
  | 'proxy_internal_error'
  | 'proxy_loop_detected';

export const PROXY_STATUS = 'Proxy-Status';

/** The answer is ours, because of this. */
export function failedBy(error: ProxyError): string {
  return `platform-manager; error=${error}`;
}

/** The answer is the instance's. */
export function received(status: number): string {
  return `platform-manager; received-status=${status}`;
}

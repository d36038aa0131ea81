export interface BackoffOptions {
  base_ms?: number
  cap_ms?: number
  random?: () => number
}

/**
 * Exponential backoff with full jitter: a random time between 0 and base × 2^(attempt − 1), limited by the
 * cap. Therefore, clients that lose the same server at the same time reconnect at different times.
 * @param attempt number of the attempt: 1 for the first
 * @returns milliseconds
 * @see https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
 */
export function fullJitter(attempt: number, options: BackoffOptions = {}): number {
  const { base_ms = 500, cap_ms = 30_000, random = Math.random } = options
  return random() * Math.min(cap_ms, base_ms * 2 ** Math.min(attempt - 1, 30))
}

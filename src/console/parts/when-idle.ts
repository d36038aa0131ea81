/** Maximum delay, in milliseconds. */
const MOST_MS = 1000

/** Runs a function when the browser has nothing else to do. @returns a function that cancels this */
export function whenIdle(run: () => void): () => void {
  // Some browsers do not know idle callbacks.
  if (!('requestIdleCallback' in globalThis)) {
    const timer = setTimeout(run)
    return () => clearTimeout(timer)
  }
  const id = requestIdleCallback(run, { timeout: MOST_MS })
  return () => cancelIdleCallback(id)
}

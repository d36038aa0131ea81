/** Time without a pause, in milliseconds. */
const SLICE_MS = 8

/** Returns a function to call during long work. Now and then, it waits until the page has drawn and responded. */
export function slices(): () => Promise<void> | undefined {
  const { port1, port2 } = new MessageChannel()
  let end = performance.now() + SLICE_MS
  return () => {
    if (performance.now() < end) return undefined
    // Browsers delay timers of pages in the background, but not messages.
    return new Promise((resolve) => {
      port1.onmessage = () => {
        end = performance.now() + SLICE_MS
        resolve()
      }
      port2.postMessage(undefined)
    })
  }
}

/**
 * Yields the values of `items` until `signal` aborts. Ends at once after an abort, even before `items` yields
 * its next value.
 */
export async function* untilAborted<T>(items: AsyncGenerator<T>, signal: AbortSignal): AsyncGenerator<T> {
  try {
    for (;;) {
      const next = await unlessAborted(items.next(), signal)
      if (!next || next.done) return
      yield next.value
    }
  } finally {
    // Do not await this promise, because it resolves only when `items` has yielded its next value.
    items.return(undefined).catch(() => {})
  }
}

/** Returns the result of a promise, or undefined as soon as `signal` aborts. */
export const unlessAborted = <T>(promise: Promise<T>, signal?: AbortSignal): Promise<T | undefined> =>
  new Promise((resolve, reject) => {
    const stop = () => resolve(undefined)
    if (signal?.aborted) stop()
    signal?.addEventListener('abort', stop)
    promise.then(resolve, reject).finally(() => signal?.removeEventListener('abort', stop))
  })

/** Waits for `ms`, or until `signal` aborts. */
export async function pause(ms: number, signal?: AbortSignal): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined
  const passed = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms)
  })
  await unlessAborted(passed, signal)
  clearTimeout(timer)
}

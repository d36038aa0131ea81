/** What `items` yields until `signal` aborts: it ends at once then, whatever `items` waits for. */
export async function* untilAborted<T>(items: AsyncGenerator<T>, signal: AbortSignal): AsyncGenerator<T> {
  try {
    for (;;) {
      const next = await unlessAborted(items.next(), signal)
      if (!next || next.done) return
      yield next.value
    }
  } finally {
    // Not waited for: it ends only after what `items` waits for.
    items.return(undefined).catch(() => {})
  }
}

/** What a promise comes to, or undefined as soon as `signal` aborts. */
export const unlessAborted = <T>(promise: Promise<T>, signal: AbortSignal): Promise<T | undefined> =>
  new Promise((resolve, reject) => {
    const stop = () => resolve(undefined)
    if (signal.aborted) stop()
    signal.addEventListener('abort', stop)
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', stop))
  })

import { type ReadonlySignal, useSignal } from '@preact/signals'
import { useEffect } from 'preact/hooks'

/** Returns the value of a signal, at most once per interval. The last value always arrives. */
export function useThrottled<T>(source: ReadonlySignal<T>, intervalMs: number): T {
  const shown = useSignal(source.peek())
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined
    const release = source.subscribe(() => {
      timer ??= setTimeout(() => {
        timer = undefined
        shown.value = source.peek()
      }, intervalMs)
    })
    return () => {
      release()
      clearTimeout(timer)
    }
  }, [source, intervalMs, shown])
  return shown.value
}

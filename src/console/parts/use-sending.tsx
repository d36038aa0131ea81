import type { ComponentChildren } from 'preact'
import { useState } from 'preact/hooks'
import { Problem } from './problem.tsx'

/** A request to the hub that a person has started. */
export interface Sending {
  isSending: boolean
  /** The failure of the last request, with its remedy; null if there is none. */
  problem: ComponentChildren
  /** Runs a request; then calls the function that `useSending` was given. */
  send(request: () => Promise<void>): void
}

/** @param done called when a request has succeeded */
export function useSending(done: () => void): Sending {
  const [isSending, setSending] = useState(false)
  const [error, setError] = useState<Error & { remedy?: string }>()
  const run = async (request: () => Promise<void>) => {
    setSending(true)
    setError(undefined)
    try {
      await request()
    } catch (error) {
      setError(error as Error)
      setSending(false)
      return
    }
    setSending(false)
    done()
  }
  return {
    isSending,
    problem: error ? <Problem error={error} /> : null,
    send: (request) => void run(request),
  }
}

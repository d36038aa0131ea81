import { highlight } from './highlight.ts'
import type { Piece } from './highlighted.ts'

/** Code to highlight. */
export interface Task {
  code: string
  language: string
}

/** The part of a worker that is needed. */
interface Self {
  onmessage: ((event: { data: Task }) => void) | null
  postMessage(pieces: Piece[] | undefined): void
}

const self = globalThis as unknown as Self
self.onmessage = ({ data: { code, language } }) => self.postMessage(highlight(code, language))

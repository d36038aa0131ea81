import { signal } from '@preact/signals'
import type { Lexer } from 'marked'
import { whenIdle } from '../../parts/when-idle.ts'

/** Time until the next attempt if the code could not be loaded, in milliseconds. */
const RETRY_MS = 30_000

let isWanted = false

/** Reads Markdown. Undefined until its code is loaded: texts are shown first, without their form. */
export const markdownLexer = signal<typeof Lexer>()

/** Loads the code when the browser has drawn the texts. */
export function loadMarkdownLexer() {
  if (isWanted) return
  isWanted = true
  const load = async () => {
    markdownLexer.value = (await import('./marked-lexer.ts')).Lexer
  }
  const again = () => {
    isWanted = false
    loadMarkdownLexer()
  }
  whenIdle(() => void load().catch(() => setTimeout(again, RETRY_MS)))
}

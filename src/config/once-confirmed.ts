import { ON_TRIAL } from './environment.ts'

const waiting: (() => void)[] = []

/**
 * Runs an action that would make a return to the previous version impossible. A version on trial runs it
 * after the update succeeds; any other version runs it at once.
 */
export function onceConfirmed(act: () => void) {
  if (process.env[ON_TRIAL] === '1') waiting.push(act)
  else act()
}

/** Called when the update to this version has succeeded. */
export function onConfirmed() {
  for (const act of waiting.splice(0)) act()
}

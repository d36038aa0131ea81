import { ON_TRIAL } from './environment.ts'

const waiting: (() => void)[] = []

/**
 * Runs an action that the previous version could not cope with: at once or, on trial,
 * after the update succeeds.
 */
export function onceConfirmed(act: () => void) {
  if (process.env[ON_TRIAL] === '1') waiting.push(act)
  else act()
}

/** Called when the update to this version has succeeded. */
export function onConfirmed() {
  for (const act of waiting.splice(0)) act()
}

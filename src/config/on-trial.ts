import { ON_TRIAL } from './environment.ts'

const waiting: (() => void)[] = []

/** Does what the version before must not find if it follows this one: at once or, on trial, when the update succeeds. */
export function onceKept(act: () => void) {
  if (process.env[ON_TRIAL] === '1') waiting.push(act)
  else act()
}

/** The update to this version has succeeded. */
export function kept() {
  for (const act of waiting.splice(0)) act()
}

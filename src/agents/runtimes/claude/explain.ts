import type { Explained } from '../runtime.ts'

/** Messages of Claude Code that name a flag that nobody gave, or do not say what to do. */
const EXPLAINED: [RegExp, Explained][] = [
  [
    /dangerously-skip-permissions.*\b(?:root|sudo)\b/i,
    {
      message: 'Claude Code does not run with the permission mode bypassPermissions as root.',
      remedy:
        'Choose another permission mode, or run the daemon as another user. In a container that holds nothing of value, set IS_SANDBOX=1 for the agent (--env IS_SANDBOX=1).',
    },
  ],
  [
    /bypassPermissions.*not launched with --dangerously-skip-permissions/i,
    {
      message:
        'A running agent changes to the permission mode bypassPermissions only if it was started in it.',
      remedy: 'Start an agent with --permission-mode bypassPermissions.',
    },
  ],
]

/** Beginning of a message that is looked at, in characters: a refusal is one sentence. */
const MESSAGE_CHARS = 2000

export const explain = (words: string): Explained | undefined =>
  EXPLAINED.find(([pattern]) => pattern.test(words.slice(0, MESSAGE_CHARS)))?.[1]

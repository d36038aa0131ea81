import type { Item } from '../support/messages-script.ts'

/** Files of the project that the tour's agent works on. */
export const PROJECT = {
  'README.md': '# greet\n\nGreets a person by name.\n',
  'greet.sh': '#!/bin/sh\n# Usage: greet.sh [NAME]\necho "Hello, $1"\n',
}

const LICENSE = {
  question: 'Which license should the project have?',
  header: 'License',
  multiSelect: false,
  options: [
    { label: 'MIT', description: 'short and permissive' },
    { label: 'Apache-2.0', description: 'permissive, with a patent grant' },
  ],
}

/** Replies of the model to each prompt of the tour. @param dir folder of the project */
export const replies = (dir: string): Record<string, Item[][]> => ({
  'What is this project?': [
    [{ tool: 'Bash', input: { command: 'ls' } }],
    [{ tool: 'Read', input: { file_path: `${dir}/greet.sh` } }],
    [{ text: 'A shell script that greets the person you name, and a README without a license.' }],
  ],
  'Make the greeting friendlier': [
    [
      {
        tool: 'Edit',
        input: { file_path: `${dir}/greet.sh`, old_string: 'Hello', new_string: 'Welcome' },
      },
    ],
    [{ text: 'The script now says "Welcome" instead of "Hello".' }],
  ],
  'Which license would fit?': [
    [{ tool: 'AskUserQuestion', input: { questions: [LICENSE] } }],
    [{ text: 'MIT it is.' }],
  ],
})

/**
 * Keys that the user presses during a command, in order. Each key is pressed when the screen matches `shown`.
 */
export const KEYS: Record<string, { shown: RegExp; type?: string; press?: string }[]> = {
  'agent watch': [
    { shown: /y yes, n no.*> $/, type: 'y' },
    { shown: /\n✓ done/, press: 'C-c' },
  ],
  'agent resume': [{ shown: /number or text> $/, type: '1' }],
}

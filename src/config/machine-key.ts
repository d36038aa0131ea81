import { dirname } from 'node:path'
import { UserError } from '../platform/errors.ts'
import { EXIT } from '../platform/exit-codes.ts'
import { keySources, missingKey, readKey } from './key.ts'
import { path, type Source, secret } from './readers.ts'
import { expandValue, type Sources, textFlag } from './sources.ts'

/** Reads the machine's key from the first of its sources. @throws UserError */
export function machineKey({ flags, env, file }: Sources) {
  const sources = keySources({ key: textFlag(flags.key), keyFile: textFlag(flags.keyFile) }, env)
  if (file) {
    const at = (name: string): Source => ({ name: `${file.path}: ${name}`, base: dirname(file.path) })
    const { key, key_file } = file.values
    if (key_file !== undefined)
      sources.push({
        name: at('key_file').name,
        file: path(expandValue(key_file, at('key_file'), env), at('key_file')),
      })
    if (key !== undefined) {
      if (!file.private)
        throw new UserError('config_invalid', `${file.path} contains the key, and other users can read it.`, {
          remedy: `Run chmod 600 ${file.path}, or move the key into a separate file and set key_file to it.`,
          exitCode: EXIT.usage,
        })
      sources.push({ name: at('key').name, key: secret(key, at('key')) })
    }
  }
  return readKey(sources, missingKey(), env)
}

import { VersionOrTag } from '../protocol/ids.ts'
import { type Reader, text, unacceptable } from './readers.ts'

export const versionOrTag: Reader<string> = (value, source) => {
  const given = text(value, source)
  if (VersionOrTag.safeParse(given).success) return given
  throw unacceptable(source, value, 'a dist-tag of the registry, such as latest, or an exact version')
}

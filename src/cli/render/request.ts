import type { PermissionRequest } from '../../protocol/index.ts'
import type { Colors } from './ansi.ts'
import { offersText } from './offers.ts'
import { permissionText } from './permission.ts'

/** Formats a request and its offers. @param width width of the terminal in columns, if stdout is a terminal */
export const requestText = (request: PermissionRequest, colors: Colors, width?: number): string =>
  [permissionText(request, colors, width), offersText(request, colors, width)]
    .filter((text) => text !== '')
    .join('\n')

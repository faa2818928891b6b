#!/usr/bin/env node
// The work contract on plain node:http. `node server.js --help` says how it is started.

import { main } from './lib/main.js';
import { serve } from './lib/serve.js';

main(serve);

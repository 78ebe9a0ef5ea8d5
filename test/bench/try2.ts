import { practiceGround } from './ground.ts';
import { measureStatus } from './status-cost.ts';
import { renderSection } from './figures.ts';
import { runCommand } from '../real/commands.ts';
const g = await practiceGround();
try { await runCommand(g.launchctl, ['bootout', `gui/${process.getuid!()}/ai.openclaw.gateway`], {env:{},cwd:'/',timeoutMs:20000}); console.log(renderSection(measureStatus(g))) } finally { await g.close(); }

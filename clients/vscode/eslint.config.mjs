import js from "@eslint/js";
import typescript from "typescript-eslint";

export default typescript.config({ ignores: ["out", "media", "tests/editor"] }, js.configs.recommended, typescript.configs.recommended);

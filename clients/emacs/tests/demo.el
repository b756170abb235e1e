;;; demo.el --- The configuration that the picture of the README is recorded with  -*- lexical-binding: t -*-
(setq inhibit-startup-screen t ring-bell-function #'ignore create-lockfiles nil)
(menu-bar-mode -1)
(defconst here (file-name-directory load-file-name))
(add-to-list 'load-path (expand-file-name ".." here))
(require 'replwire)
(setq replwire-command (list (expand-file-name "../../../build/replwire" here) "--python" "/usr/bin/python3"))
(add-hook 'python-mode-hook #'replwire-mode)

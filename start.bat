@echo off
rem Starts Keter: finds Python 3.11+, completes .venv and .env where needed, then runs "keter up" with the arguments given here.
rem KETER_PYTHON names the Python to use.
setlocal
cd /d "%~dp0"

set "PY="
if defined KETER_PYTHON call :try "%KETER_PYTHON%"
if not defined PY call :try py -3
if not defined PY call :try python
if not defined PY call :try python3
if not defined PY goto nopython

%PY% "%~dp0scripts\bootstrap.py"
if errorlevel 1 exit /b %errorlevel%
"%~dp0.venv\Scripts\python.exe" -m keter up %*
exit /b %errorlevel%

:try
%* -c "import sys; sys.exit(sys.version_info < (3, 11))" >nul 2>nul
if errorlevel 1 exit /b 0
set PY=%*
exit /b 0

:nopython
echo keter: Keter needs Python 3.11 or newer. Install it from python.org, or set KETER_PYTHON to its python.exe. 1>&2
exit /b 69
